/** bzip2, by its own program: no library of it for Node is kept up. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { DamageError, NoProgramError } from "./damage";
import type { Bytes } from "./streams";

/**
 * Unpacks one or several bzip2 streams, one behind the other.
 * @throws NoProgramError where there is no `bzip2` on PATH; DamageError
 */
export async function* bunzip2(packed: Bytes): Bytes {
  const program = spawn("bzip2", ["--decompress", "--stdout"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said: Buffer[] = [];
  program.stderr.on("data", (part: Buffer) => said.push(part));
  const ended = once(program, "close").then(
    ([code]) => ({ code: code as number | null }),
    (error: unknown) => ({ error }),
  );
  let problem: Error | undefined;
  const feeding = feed(packed, program.stdin).catch((error: unknown) => {
    problem = error instanceof Error ? error : new Error(String(error));
    program.kill();
  });
  try {
    try {
      for await (const part of program.stdout) yield part as Buffer;
    } catch (error) {
      // A program that was never started has an output that ends too early.
      if (program.pid !== undefined) throw error;
    }
    const end = await ended;
    await feeding;
    if ("error" in end) throw absent(end.error);
    if (problem !== undefined) throw problem;
    if (end.code !== 0) throw new DamageError(reason(Buffer.concat(said).toString("utf8")));
  } finally {
    program.kill();
    program.stdin.destroy();
    await ended;
  }
}

/** Until the program reads no more; why it does not is told by how it ends. */
async function feed(packed: Bytes, input: Writable): Promise<void> {
  input.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => input.once("close", resolve));
  for await (const part of packed) {
    if (!input.writable) return;
    if (input.write(part)) continue;
    const drained = new Promise<void>((resolve) => input.once("drain", resolve));
    await Promise.race([drained, closed]);
  }
  input.end();
}

function absent(error: unknown): Error {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "ENOENT") return error instanceof Error ? error : new Error(String(error));
  return new NoProgramError(
    "it is compressed by bzip2, and there is no program bzip2 on this computer. Install it (package bzip2), or unpack " +
      "the file elsewhere",
  );
}

/** In our words; the program adds advice of its own about recovering blocks. */
function reason(said: string): string {
  if (said.includes("ends unexpectedly")) return "it ends in the middle";
  if (/integrity|CRC/.test(said)) return "a checksum is wrong";
  if (/not a bzip2 file|trailing garbage/.test(said)) return "something else follows in it";
  return "its blocks cannot be read";
}
