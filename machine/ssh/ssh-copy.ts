/** Copies files to a machine over SSH: resumed where a connection was cut, compressed where that is faster, checked. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineError } from "../machine-error";
import { shellLine } from "../shell/quote";
import { nextPiece, type Rates } from "./copy-plan";
import { sendPiece } from "./send-piece";
import { openSession, type SshSession } from "./ssh-session";
import type { SshRoute } from "./ssh-files";

export interface FileToCopy {
  /** On this computer. */
  readonly from: string;
  /** There; absolute, in a folder of the log-in user. Comes to be at once, when all of it is there. */
  readonly to: string;
  /** Of all of it, hex. */
  readonly sha256: string;
  /** For messages. */
  readonly title: string;
}

/** A connection that is made again when it was cut. */
export interface Connection {
  session(): Promise<SshSession>;
  close(): Promise<void>;
}

/** How often in a row a connection may be cut without a byte that arrived; the wait doubles each time. */
const VAIN_ATTEMPTS = 5;
const FIRST_WAIT_MS = 250;

/** A connection to a machine; nothing is opened before it is needed. */
export function reconnecting(route: SshRoute, signal: AbortSignal): Connection {
  let current: Promise<SshSession> | undefined;
  const close = async (): Promise<void> => {
    const open = current;
    current = undefined;
    await (await open?.catch(() => undefined))?.close();
  };
  return {
    async session() {
      if (current !== undefined && !(await current).stands()) await close();
      current ??= openSession(route, signal);
      return current;
    },
    close,
  };
}

/**
 * Copies one file; what is there already, whole or in part, is not sent again.
 *
 * What came in one go is what was sent, as SSH itself sees to. What was resumed, and what lay there already, is
 * compared by its SHA-256, and sent anew when that is another.
 * @param onProgress bytes that are there, of how many
 * @throws MachineError when the connection is cut again and again, or the disk there is full
 */
export async function copyFile(
  connection: Connection,
  file: FileToCopy,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const total = fs.statSync(file.from).size;
  const part = `${file.to}.part`;
  const first = await connection.session();
  const asked = performance.now();
  const found = await lookAt(first, file.to, part);
  // What a command takes that does nothing: of a small trial it may be most of the time.
  const idleMs = performance.now() - asked;
  if (found.there && (await isWhole(connection, file.to, file.sha256))) return;
  const canCompress = found.zstd && hasZstdHere();
  let size = found.size;
  if (size > total) {
    await must(connection, shellLine("rm", "-f", "--", part)); // of another file: its end would stay
    size = 0;
  }
  let resumed = size > 0;
  let rates: Rates = {};
  let vain = 0;
  while (size < total) {
    const { way, bytes } = nextPiece(rates, total - size, canCompress);
    const start = performance.now();
    const session = await connection.session();
    const piece = { from: file.from, part, at: size, bytes, way, isRest: size + bytes === total };
    const ended = await sendPiece(session, piece, (there) => {
      onProgress(there, total);
    });
    if (ended.code === 0) {
      rates = { ...rates, [way]: bytes / Math.max(1, performance.now() - start - idleMs) };
      size += bytes;
      vain = 0;
      onProgress(size, total);
      continue;
    }
    const before = size;
    await sleep(FIRST_WAIT_MS * 2 ** vain); // what was on its way is still being written
    const again = await connection.session();
    size = Math.min((await lookAt(again, file.to, part)).size, total);
    resumed = true;
    vain = size > before ? 0 : vain + 1;
    if (vain === VAIN_ATTEMPTS || ended.code !== 255) throw cannotCopy(file, before, total, ended);
  }
  if (resumed && !(await isWhole(connection, part, file.sha256))) {
    await must(connection, shellLine("rm", "-f", "--", part));
    return copyFile(connection, file, onProgress);
  }
  await must(connection, shellLine("mv", "-fT", "--", part, file.to));
}

function cannotCopy(
  { title, to }: FileToCopy,
  done: number,
  total: number,
  { code, said }: { readonly code: number; readonly said: string },
): MachineError {
  const why = code === 255 ? "the connection was cut again and again" : said.trim();
  return new MachineError(
    "environment",
    `cannot copy ${title} to ${to}: ${why} (${done} of ${total} bytes are there; the next run goes on from there)`,
  );
}

async function lookAt(
  session: SshSession,
  file: string,
  part: string,
): Promise<{ readonly there: boolean; readonly zstd: boolean; readonly size: number }> {
  const { stdout } = await session.run(
    [
      `${shellLine("test", "-f", file)} && echo there`,
      "command -v zstd >/dev/null && echo zstd",
      `${shellLine("stat", "-c", "%s", "--", part)} 2>/dev/null || echo 0`,
    ].join("; "),
  );
  const lines = stdout.trim().split("\n");
  return {
    there: lines.includes("there"),
    zstd: lines.includes("zstd"),
    size: Number(lines.at(-1) ?? 0) || 0,
  };
}

async function isWhole(connection: Connection, file: string, sha256: string): Promise<boolean> {
  const hash = `if command -v openssl >/dev/null; then openssl dgst -sha256 -r; else sha256sum; fi <${shellLine(file)}`;
  const { stdout } = await (await connection.session()).run(hash);
  return stdout.startsWith(sha256);
}

function hasZstdHere(): boolean {
  return spawnSync("zstd", ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs a shell command there. @throws MachineError with what it said when it does not end well */
export async function must(connection: Connection, command: string): Promise<void> {
  let said = "";
  const { code } = await (
    await connection.session()
  ).run(command, { onStderr: (text) => (said += text) });
  if (code !== 0) throw new MachineError("environment", `${command} ended with ${code}: ${said}`);
}
