/** What `restore.sh` gets as its `--service` on this computer: a shell command that takes start, stop, status or log as its last word. */
import * as path from "node:path";

/** What `local-service.sh` must know of the etcd that it runs. */
export interface LocalService {
  readonly environmentFile: string;
  /** Folder with the program etcd. */
  readonly programs: string;
  /** Folder for pid and log. */
  readonly stateDirectory: string;
}

/** The script that runs etcd as a process of this user. */
export const LOCAL_SERVICE_SCRIPT = path.join(__dirname, "local-service.sh");

/** The command that runs etcd as a process of this user. */
export function localService(service: LocalService): string {
  const words = ["bash", LOCAL_SERVICE_SCRIPT, "--environment", service.environmentFile];
  words.push("--programs", service.programs, "--state", service.stateDirectory);
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}
