/** The `ssh` program of this computer, by which everything is done on a machine. */
import { spawnSync } from "node:child_process";

/** What to do where there is none. */
export const GET_SSH = "install OpenSSH's client (Debian, Ubuntu: apt-get install openssh-client)";

/** Its version, in its own words; undefined where there is none. */
export function sshVersion(): string | undefined {
  // It says its version on stderr.
  const { error, stderr } = spawnSync("ssh", ["-V"], { encoding: "utf8" });
  return error === undefined ? stderr.trim().split(",")[0] : undefined;
}
