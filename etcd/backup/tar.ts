/**
 * Reads tar archives: POSIX ustar and pax (POSIX.1-2017, pax), GNU's long names and large numbers, and sparse files in all
 * four forms that GNU tar writes (its manual, "Storing Sparse Files"), which people use because etcd grows its files ahead.
 */
import { DamageError } from "./damage";
import { expandSparse, gnuMap, paxMap } from "./sparse";
import { reader, type Bytes, type Reader } from "./streams";
import {
  BLOCK,
  cut,
  decimal,
  parseHeader,
  parsePax,
  untilNul,
  type Extended,
  type Header,
} from "./tar-header";

/** Of names and of pax records; nothing that is not hostile comes near. */
const MOST_HEADER_BYTES = 2 ** 20;

/** What is done with a file of an archive; its bytes need not be read to the end. */
export type Visit = (name: string, bytes: Bytes) => Promise<void>;
/** What is told of an entry that is no file. */
export type Skipped = (name: string, what: string) => void;

/** Entries that hold no file, by their type; what is not here is a kind of its own. */
const OTHERS: Readonly<Record<string, string>> = {
  "1": "a hard link to",
  "2": "a symbolic link to",
  "3": "a device",
  "4": "a device",
  "6": "a pipe",
  M: "the rest of a file that begins in another volume of this archive: join the volumes first",
};
/** Folders, GNU's lists of folders, and labels. */
const SILENT = ["5", "D", "V"];

/**
 * Visits the plain files of a tar archive, one after the other; tells every other entry that is no folder.
 * @throws DamageError
 */
export async function visitTar(archive: Bytes, visit: Visit, skipped: Skipped): Promise<void> {
  const input = reader(archive);
  const global: Extended = new Map();
  let extended: Extended = new Map();
  try {
    for (;;) {
      const header = await input.block(BLOCK);
      if (header === undefined || header.every((byte) => byte === 0)) return;
      if (header.length < BLOCK) throw cut("a header");
      const entry = parseHeader(header);
      const { type } = entry;
      if (type === "x" || type === "g" || type === "L" || type === "K") {
        const record = await input.exactly(padded(shortLength(entry)));
        if (record === undefined) throw cut("a header");
        const content = record.subarray(0, entry.size);
        if (type === "x") parsePax(content, extended);
        else if (type === "g") parsePax(content, global);
        else if (type === "L") extended.set("path", untilNul(content));
        else extended.set("linkpath", untilNul(content));
        continue;
      }
      await visitEntry(input, entry, new Map([...global, ...extended]), visit, skipped);
      extended = new Map();
    }
  } finally {
    await input.close();
  }
}

async function visitEntry(
  input: Reader,
  entry: Header,
  extended: Extended,
  visit: Visit,
  skipped: Skipped,
): Promise<void> {
  const { type } = entry;
  const name = extended.get("GNU.sparse.name") ?? extended.get("path") ?? entry.name;
  // What is no file has no content, whatever its size says (as in Go's archive/tar).
  const size = /[1-6]/.test(type) ? 0 : (decimal(extended.get("size")) ?? entry.size);
  const isFile = ["0", "\0", "7", "S"].includes(type) && !name.endsWith("/");
  // A sparse file's map is longer than its header, and stands before its content.
  const map = type === "S" ? await gnuMap(input, entry.block) : paxMap(extended);
  const body = input.body(padded(size), () => cut(name));
  if (!isFile) {
    const what = OTHERS[type];
    const target = type === "1" || type === "2" ? ` ${extended.get("linkpath") ?? entry.link}` : "";
    if (what !== undefined) skipped(name, what + target);
    else if (!SILENT.includes(type) && !name.endsWith("/")) {
      skipped(name, `an entry of type "${type}", which is not known here`);
    }
  } else if (map === undefined) await visit(name, upTo(body.bytes, size));
  else await visit(name, expandSparse(body.bytes, map, size));
  await body.skip();
}

function shortLength({ size }: Header): number {
  if (size > MOST_HEADER_BYTES)
    throw new DamageError("it is damaged (a header that is longer than any)");
  return size;
}

async function* upTo(bytes: Bytes, length: number): Bytes {
  let left = length;
  for await (const part of bytes) {
    if (left <= 0) return;
    yield part.subarray(0, left);
    left -= part.length;
  }
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
