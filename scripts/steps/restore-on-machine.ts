/**
 * `restore-on-machine`: reads a request as JSON on stdin, restores a backup on a machine over SSH, prints what the
 * restore script said there as one JSON, with the seconds of the copy.
 *
 * The backup is copied only when it is needed: one that is restored already is left as it is, or started by other
 * settings. All of it over one connection; a copy that is cut goes on where it was.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { MachineError } from "../../machine/machine-error";
import { RestoreResult, SnapshotNeeded } from "../../machine/restore/result";
import { shellLine } from "../../machine/shell/quote";
import { copyFile, reconnecting, type Connection } from "../../machine/ssh/ssh-copy";
import { SshRoute } from "../../machine/ssh/ssh-files";
import { UserError } from "../outcome";
import { tellCopy, tellLines } from "./copy-progress";
import { readRequest, runScript } from "./request";

const Request = z.object({
  route: SshRoute,
  /** The text of `restore.sh`. */
  script: z.string(),
  /** Folders there: where files that come over SSH lie down, and where the store is restored. */
  uploads: z.string(),
  state: z.string(),
  backup: z.object({ file: z.string(), sha256: z.string(), bytes: z.number() }),
  /** Flags of `restore.sh`. */
  flags: z.array(z.string()),
  /** The etcd there must be of this version or newer. */
  needs: z.object({ programs: z.string(), version: z.string() }).optional(),
});
type Request = z.infer<typeof Request>;

const CHECK_SPACE = path.join(__dirname, "..", "..", "machine", "restore", "check-space.sh");
const MIB = 2 ** 20;

void runScript(async (_args, signal) => {
  const request = await readRequest(Request);
  const connection = reconnecting(request.route, signal);
  try {
    const result = await restoreThere(connection, request);
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await connection.close();
  }
});

async function restoreThere(connection: Connection, request: Request): Promise<object> {
  const { backup, uploads } = request;
  const upload = path.posix.join(uploads, `${backup.sha256}.db`);
  const script = await sendScript(connection, request);
  const first = await runRestore(connection, request, script, ["--ask-first", "yes"]);
  if (!SnapshotNeeded.safeParse(first).success) {
    await runThere(connection, shellLine("rm", "-f", "--", upload, `${upload}.part`));
    return RestoreResult.loose().parse(first);
  }
  await checkSpace(connection, request);
  const begin = performance.now();
  const title = "the backup";
  const file = { from: backup.file, to: upload, sha256: backup.sha256, title };
  await copyFile(connection, file, tellCopy(title));
  const copy = Math.round(performance.now() - begin) / 1000;
  const result = RestoreResult.loose().parse(await runRestore(connection, request, script, []));
  await runThere(connection, shellLine("rm", "-f", "--", upload));
  return { ...result, seconds: { ...result.seconds, copy } };
}

/** Its name holds what it is; the one of another version may be run at this moment. */
async function sendScript(connection: Connection, request: Request): Promise<string> {
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256").update(request.script).digest("hex");
  const script = path.posix.join(request.uploads, `restore-${digest}.sh`);
  const put = `cat >${shellLine(`${script}.new`)} && ${shellLine("mv", "-f", "--", `${script}.new`, script)}`;
  await runThere(connection, `umask 077; ${put}`, request.script);
  return script;
}

async function checkSpace(connection: Connection, request: Request): Promise<void> {
  const { uploads, state, backup, needs } = request;
  const about = needs === undefined ? [] : [needs.programs, needs.version];
  const words = ["sudo", "bash", "-s", "--", uploads, state, backup.bytes, backup.bytes, ...about];
  await runThere(connection, shellLine(...words), fs.readFileSync(CHECK_SPACE, "utf8"));
}

/** Runs the restore script there; gives the JSON that it printed. */
async function runRestore(
  connection: Connection,
  request: Request,
  script: string,
  more: readonly string[],
): Promise<unknown> {
  // A unit of its own: the restore ends well also when this connection is cut.
  const unit = [
    ...["sudo", "systemd-run", "--quiet", "--pipe", "--wait", "--collect"],
    ...["--property", `RuntimeMaxSec=${limitSeconds(request.backup.bytes)}`],
  ];
  const stdout = await runThere(
    connection,
    shellLine(...unit, "bash", script, ...request.flags, ...more),
  );
  return JSON.parse(stdout);
}

/** Until the restore is given up: a slow disk takes the backup at 2 MiB a second, three times. */
function limitSeconds(bytes: number): number {
  return 900 + Math.ceil((3 * bytes) / (2 * MIB));
}

/** Runs a command there; what it says is told as it comes, and its exit code becomes ours when it is one of ours. */
async function runThere(connection: Connection, command: string, input = ""): Promise<string> {
  const session = await connection.session();
  const { code, stdout } = await session.run(command, { input, onStderr: tellLines() });
  if (code === 0) return stdout;
  const what = /restore-[0-9a-f]+\.sh|check-space\.sh/.exec(command)?.[0] ?? "a command";
  if (code === 255) {
    throw new MachineError(
      "environment",
      `the connection was lost while ${what} ran on the machine; run this again`,
    );
  }
  throw new UserError(code <= 3 ? code : 3, `${what} ended with ${code} on the machine`);
}
