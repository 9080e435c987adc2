/** Writes a tar archive (POSIX ustar) whose bytes depend on what is in it alone: no time, no owner. */
import * as fs from "node:fs";
import { streamPlainFile } from "../../../files/plain-file";
import { SnapshotError } from "../../snapshot/snapshot-error";
import { BLOCK } from "../tar-header";
import type { RewrittenFile } from "./rewrite";

/** Eleven octal digits. */
const MOST_BYTES = 8 ** 11 - 1;

/** The archive, piece by piece. */
export async function* tarOf(files: readonly RewrittenFile[]): AsyncGenerator<Buffer> {
  for (const { name, content } of files) {
    const bytes = Buffer.isBuffer(content) ? content.length : content.bytes;
    yield header(name, bytes);
    if (Buffer.isBuffer(content)) yield content;
    else yield* contentOf(content);
    yield Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

async function* contentOf(file: { path: string; bytes: number }): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const part of streamPlainFile(file.path, 1 << 20)) {
    read += (part as Buffer).length;
    yield part as Buffer;
  }
  if (read === file.bytes && fs.statSync(file.path).size === read) return;
  throw new SnapshotError(file.path, "this file was changed while it was read", {
    kind: "changed",
  });
}

function header(name: string, bytes: number): Buffer {
  if (bytes > MOST_BYTES)
    throw new SnapshotError(name, `${bytes} bytes are too many for a tar archive`);
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100);
  block.write("0000600\0", 100);
  block.write("0000000\0".repeat(2), 108);
  block.write(`${bytes.toString(8).padStart(11, "0")}\0`, 124);
  block.write(`${"0".repeat(11)}\0`, 136);
  block.write("        0", 148); // its sum as blanks for now; a plain file
  block.write("ustar\0" + "00", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
