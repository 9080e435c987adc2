/** The files of a member that is on another machine or in a pod: how they are asked for there, and what comes of it here. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { memberPathOf, type MemberFile } from "../member-files";
import { TakeError } from "../take/source";
import { visible } from "../../wire/visible";
import type { V2Source } from "./v2-source";

/** The text of `send-member.sh`, for `sh -s -- DATA-DIR yes|no` there. */
export function sendMemberScript(): string {
  return fs.readFileSync(path.join(__dirname, "send-member.sh"), "utf8");
}

/** What it is asked for where it comes from. */
export interface StreamedMember extends Pick<V2Source, "name" | "place" | "takeV3By"> {
  /** Whether the database was wished for. */
  readonly wantsDatabase: boolean;
}

const LONGEST_LINE = 200;

/** A stream that ended too early, or was none: worth another try. */
export class BrokenStream extends TakeError {}

/**
 * Writes what `send-member.sh` sends into a folder that is there and empty.
 * @throws BrokenStream when it did not come whole
 */
export async function receiveMember(
  stream: Readable,
  directory: string,
  member: StreamedMember,
): Promise<V2Source> {
  const { name } = member;
  const reader = readerOf(stream);
  const files: MemberFile[] = [];
  const told = { etcd: "", database: "" };
  try {
    for (;;) {
      const [word = "", ...rest] = (await reader.line()).split(" ");
      if (word === "file") {
        const [entry = "", bytes = ""] = rest;
        files.push(await receiveFile(reader, directory, name, entry, Number(bytes)));
      } else if (word === "etcd" || word === "database") told[word] = rest[0] ?? "";
      else if (word === "end") {
        await reader.end();
        return sourceOf(member, files, told, rest[0] ?? "");
      } else throw new RangeError(`a line of it begins with "${visible(word).slice(0, 20)}"`);
    }
  } catch (error) {
    if (!isOfStream(error)) throw error;
    const why = visible(error.message);
    throw new BrokenStream("environment", `the files of ${name} did not come whole: ${why}`);
  }
}

/** What is wrong with its form, or with gzip's; what is wrong with the disk or the way here is told as it is. */
function isOfStream(error: unknown): error is Error {
  if (error instanceof RangeError) return true;
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

/** Only etcd's own names are made into files here. */
async function receiveFile(
  reader: StreamReader,
  directory: string,
  name: string,
  entry: string,
  bytes: number,
): Promise<MemberFile> {
  if (memberPathOf(entry)?.member !== "" || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new RangeError(
      `it names a file "${visible(entry).slice(0, 60)}", which is none of etcd's`,
    );
  }
  const file = path.join(directory, entry);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const fd = fs.openSync(file, "wx", 0o600);
  try {
    // Whole: `writeSync` may write less of it on a disk that is nearly full, without a word.
    for await (const part of reader.bytes(bytes)) fs.writeFileSync(fd, part);
  } finally {
    fs.closeSync(fd);
  }
  return { name: `${name}/member/${entry}`, path: file };
}

function sourceOf(
  { name, place, takeV3By, wantsDatabase }: StreamedMember,
  files: readonly MemberFile[],
  told: { readonly etcd: string; readonly database: string },
  atEnd: string,
): V2Source {
  const isRunning = told.etcd !== "stopped";
  if (!isRunning && atEnd !== "stopped") {
    throw new BrokenStream("environment", `an etcd was started on ${name} while it was read`);
  }
  const of = (kind: string) => files.filter((file) => kindOf(file) === kind);
  const database = of("database")[0]?.path;
  const hasDatabase = told.database !== "no";
  if (hasDatabase && wantsDatabase && !isRunning && database === undefined) {
    throw new BrokenStream("environment", `the database of ${name} did not come`);
  }
  return {
    ...{ name, place, takeV3By, database, hasDatabase, isRunning },
    files: { snapshots: of("snapshot"), logs: of("log") },
  };
}

function kindOf({ name }: MemberFile): string | undefined {
  return memberPathOf(name)?.kind;
}

interface StreamReader {
  /** Without its end; throws when the stream ends before. */
  line(): Promise<string>;
  bytes(count: number): AsyncGenerator<Buffer>;
  /** Nothing more comes, and gzip's own checksum is right. */
  end(): Promise<void>;
}

function readerOf(stream: Readable): StreamReader {
  const unpacked = createGunzip();
  stream.on("error", (error) => unpacked.destroy(error));
  const parts = stream.pipe(unpacked)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const next = await parts.next();
    if (next.done === true) return false;
    rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value]);
    return true;
  };
  const cut = new RangeError("the stream was cut");
  return {
    async line() {
      for (;;) {
        const at = rest.indexOf("\n");
        if (at >= 0) {
          const text = rest.toString("latin1", 0, at);
          rest = rest.subarray(at + 1);
          return text;
        }
        if (rest.length > LONGEST_LINE) throw new RangeError("a line of it is too long");
        if (!(await more())) throw cut;
      }
    },
    async *bytes(count) {
      let left = count;
      while (left > 0) {
        if (rest.length === 0 && !(await more())) throw cut;
        const part = rest.subarray(0, left);
        rest = rest.subarray(part.length);
        left -= part.length;
        yield part;
      }
    },
    async end() {
      if (rest.length > 0 || (await more())) throw new RangeError("something comes after its end");
    },
  };
}
