/** Shell commands that `restore.sh` gets as its `--service`: each takes start, stop, status or log as its last word. */
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

/** etcd as a process of this user. */
export function localService(service: LocalService): string {
  const words = ["bash", LOCAL_SERVICE_SCRIPT, "--environment", service.environmentFile];
  words.push("--programs", service.programs, "--state", service.stateDirectory);
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

/** etcd as a systemd unit; `start` returns when etcd says that it serves, for the unit is of Type=notify. */
export function systemdService(unit: string): string {
  if (!/^[\w@.-]+$/.test(unit)) throw new TypeError(`"${unit}" is no name of a systemd unit`);
  // A unit that failed too often refuses to start until that is forgotten.
  return (
    `sh -c 'case $1 in log) journalctl --unit=${unit} --lines=20 --no-pager --output=cat ;; ` +
    `status) systemctl is-active --quiet ${unit} ;; ` +
    `*) systemctl reset-failed ${unit} 2>/dev/null; systemctl "$1" ${unit} ;; esac' service`
  );
}
