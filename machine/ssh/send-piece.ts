/** Sends a piece of a file to its place in a file of a machine, as it is or compressed. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { shellLine } from "../shell/quote";
import type { Way } from "./copy-plan";
import type { SshSession } from "./ssh-session";

export interface Piece {
  /** File on this computer. */
  readonly from: string;
  /** File there. */
  readonly part: string;
  /** Where the piece begins in both. */
  readonly at: number;
  readonly bytes: number;
  readonly way: Way;
  /** It goes to the end of the file. */
  readonly isRest: boolean;
}

const CHUNK = 2 ** 20;
const PROGRESS_MS = 1000;

/**
 * Sends it; gives the exit code of the command there, and what that said. Whoever else may still write to the file, of
 * a connection that was cut, writes the same bytes to the same places.
 *
 * @param onThere bytes of the whole file that are there, or on their way
 */
export async function sendPiece(
  session: SshSession,
  piece: Piece,
  onThere: (bytes: number) => void,
): Promise<{ readonly code: number; readonly said: string }> {
  const { part, at, way } = piece;
  const write = shellLine(
    ...["dd", `of=${part}`, "bs=1M", "iflag=fullblock", "oflag=seek_bytes", `seek=${at}`],
    ...["conv=notrunc", "status=none"],
  );
  let said = "";
  const onStderr = (text: string) => void (said += text);
  if (way === "plain" && piece.isRest) {
    const code = await sendRest(session, piece, `umask 077; ${write}`, onStderr, onThere);
    return { code, said };
  }
  const read = readPiece(piece, onThere);
  const [input, command] =
    way === "plain"
      ? [read, `umask 077; ${write}`]
      : // Both ends of the pipe must have ended well; a shell tells of the last one alone.
        [compressed(read), `umask 077; bash -o pipefail -c ${shellLine(`zstd -dcq | ${write}`)}`];
  const { code } = await session.run(command, { input, onStderr });
  return { code, said };
}

/**
 * The file itself is the stdin of `ssh`: on a fast link, passing the bytes through this process would cost as much as
 * `ssh` does. What has arrived is asked there, once a second.
 */
async function sendRest(
  session: SshSession,
  { from, part, at }: Piece,
  command: string,
  onStderr: (text: string) => void,
  onThere: (bytes: number) => void,
): Promise<number> {
  const file = openAt(from, at);
  const ask = shellLine("stat", "-c", "%s", "--", part);
  const timer = setInterval(() => {
    session.run(ask).then(
      ({ stdout }) => {
        if (Number(stdout) > at) onThere(Number(stdout));
      },
      () => undefined, // interrupted, which is told by the copy itself
    );
  }, PROGRESS_MS);
  try {
    return (await session.run(command, { input: file, onStderr })).code;
  } finally {
    clearInterval(timer);
    fs.closeSync(file);
  }
}

/** Opens a file and stands at an offset of it: by reading up to there, for node:fs has no seek. */
function openAt(file: string, at: number): number {
  const descriptor = fs.openSync(file, "r");
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let left = at; left > 0;) {
    const read = fs.readSync(descriptor, buffer, 0, Math.min(left, CHUNK), null);
    if (read === 0) break; // it was cut since: what is sent is nothing, and the hash tells
    left -= read;
  }
  return descriptor;
}

function readPiece({ from, at, bytes }: Piece, onThere: (bytes: number) => void): Readable {
  const read = fs.createReadStream(from, {
    start: at,
    end: at + bytes - 1,
    highWaterMark: CHUNK,
  });
  let sent = 0;
  read.on("data", (chunk) => {
    sent += chunk.length;
    onThere(at + sent);
  });
  return read;
}

function compressed(plain: Readable): Readable {
  const zstd = spawn("zstd", ["-1", "-T0", "-q", "-c"], { stdio: ["pipe", "pipe", "ignore"] });
  void pipeline(plain, zstd.stdin).catch(() => zstd.kill());
  zstd.stdout.once("close", () => zstd.kill());
  return zstd.stdout;
}
