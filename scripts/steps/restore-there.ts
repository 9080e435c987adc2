/** What a restore on a machine is made of, over one connection: its script, the room that it needs, the copy, the run. */
import * as fs from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { MachineError } from "../../machine/machine-error";
import { shellLine } from "../../machine/shell/quote";
import { copyFile, type Connection } from "../../machine/ssh/ssh-copy";
import { SshRoute } from "../../machine/ssh/ssh-files";
import { UserError } from "../outcome";
import { tellCopy, tellLines } from "./copy-progress";

/** Which backup is to be restored on which machine. */
export const RestoreThere = z.object({
  route: SshRoute,
  /** The text of `restore.sh`. */
  script: z.string(),
  /** Folders there: where files that come over SSH lie down, and where the store is restored. */
  uploads: z.string(),
  state: z.string(),
  backup: z.object({ file: z.string(), sha256: z.string(), bytes: z.number() }),
  /** What the store takes while it is restored. */
  storeBytes: z.number(),
  /** Flags of `restore.sh`. */
  flags: z.array(z.string()),
  /** The etcd there must be of this version or newer. */
  needs: z.object({ programs: z.string(), version: z.string() }).optional(),
});
export type RestoreThere = Readonly<z.infer<typeof RestoreThere>>;

const CHECK_SPACE = path.join(__dirname, "..", "..", "machine", "restore", "check-space.sh");
const CHECK_CLOCK = path.join(__dirname, "..", "..", "machine", "restore", "check-clock.sh");
/** A machine that has just booted may be about to set its clock. */
const CLOCK_LIMIT_SECONDS = 30;
const MIB = 2 ** 20;

/** Refuses a machine that would take none of its certificates, because its clock is far behind ours. */
export async function checkClock(connection: Connection): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const words = ["bash", "-s", "--", now, CLOCK_LIMIT_SECONDS];
  await runThere(connection, shellLine(...words), fs.readFileSync(CHECK_CLOCK, "utf8"));
}

/** Its name holds what it is; the one of another version may be run at this moment. */
export async function sendScript(connection: Connection, request: RestoreThere): Promise<string> {
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256").update(request.script).digest("hex");
  const script = path.posix.join(request.uploads, `restore-${digest}.sh`);
  const put = `cat >${shellLine(`${script}.new`)} && ${shellLine("mv", "-f", "--", `${script}.new`, script)}`;
  await runThere(connection, `umask 077; ${put}`, request.script);
  return script;
}

/** Copies the backup, when there is room for it and for what is restored from it; gives the seconds that it took. */
export async function sendBackup(
  connection: Connection,
  request: RestoreThere,
  title = "the backup",
): Promise<number> {
  const { backup } = request;
  await checkSpace(connection, request);
  const begin = performance.now();
  const file = { from: backup.file, to: uploadOf(request), sha256: backup.sha256, title };
  await copyFile(connection, file, tellCopy(title));
  return Math.round(performance.now() - begin) / 1000;
}

async function checkSpace(connection: Connection, request: RestoreThere): Promise<void> {
  const { uploads, state, backup, storeBytes, needs } = request;
  const about = needs === undefined ? [] : [needs.programs, needs.version];
  const words = ["sudo", "bash", "-s", "--", uploads, state, backup.bytes, storeBytes, ...about];
  await runThere(connection, shellLine(...words), fs.readFileSync(CHECK_SPACE, "utf8"));
}

/** Takes away what was copied. */
export async function removeBackup(connection: Connection, request: RestoreThere): Promise<void> {
  const upload = uploadOf(request);
  await runThere(connection, shellLine("rm", "-f", "--", upload, `${upload}.part`));
}

/** Its name holds what it is: a copy that was cut off is never taken for another file. */
function uploadOf({ uploads, backup }: RestoreThere): string {
  return path.posix.join(uploads, `${backup.sha256}.db`);
}

/**
 * The command that runs the restore script there.
 * @param more seconds beside those of the restore itself that the run may take
 */
export function restoreCommand(
  { flags, backup }: RestoreThere,
  script: string,
  more: readonly string[],
  moreSeconds = 0,
): string {
  // A unit of its own: the restore ends well also when this connection is cut.
  const unit = [
    ...["sudo", "systemd-run", "--quiet", "--pipe", "--wait", "--collect"],
    ...["--property", `RuntimeMaxSec=${limitSeconds(backup.bytes) + moreSeconds}`],
  ];
  return shellLine(...unit, "bash", script, ...flags, ...more);
}

/** Until the restore is given up: a slow disk takes the backup at 2 MiB a second, three times. */
function limitSeconds(bytes: number): number {
  return 900 + Math.ceil((3 * bytes) / (2 * MIB));
}

/** Runs a command there; what it says is told as it comes, and its exit code becomes ours when it is one of ours. */
export async function runThere(
  connection: Connection,
  command: string,
  input = "",
): Promise<string> {
  const session = await connection.session();
  const { code, stdout } = await session.run(command, { input, onStderr: tellLines() });
  if (code === 0) return stdout;
  const what = /restore-[0-9a-f]+\.sh/.exec(command)?.[0] ?? "a command";
  if (code === 255) {
    throw new MachineError(
      "environment",
      `the connection was lost while ${what} ran on the machine; run this again`,
    );
  }
  throw new UserError(code <= 3 ? code : 3, `${what} ended with ${code} on the machine`);
}
