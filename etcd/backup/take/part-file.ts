/** A file that gets its name only when it is whole, and is gone when it never was. */
import * as fs from "node:fs";
import * as fsp from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { size } from "../../wire/figures";
import { TakeError } from "./source";

/** An open file under a temporary name, or under none. */
export interface PartFile {
  readonly handle: fsp.FileHandle;
  /** For who reads it. */
  readonly path: string;
  /** Gives it a name, once it is on the disk to stay: that name then always means a whole file. */
  rename(name: string): Promise<void>;
  /** Removes it. Harmless after `rename`, and twice. */
  discard(): Promise<void>;
}

/** What other programs need of a disk is left to them. */
const LEFT_TO_OTHERS_BYTES = 64 * 2 ** 20;

/**
 * Opens `FILE.PID.part` beside what will be FILE: a name that this program and etcdctl know as unfinished.
 * @throws TakeError when it cannot be made there
 */
export async function openPart(file: string): Promise<PartFile> {
  const part = `${file}.${process.pid}.part`;
  const handle = await opened(part, file);
  let named = false;
  const discard = async () => {
    await handle.close();
    if (!named) await fsp.rm(part, { force: true });
  };
  return {
    handle,
    path: part,
    async rename(name) {
      await handle.sync();
      await fsp.rename(part, name);
      named = true;
      await syncDirectory(path.dirname(name));
    },
    discard,
  };
}

/** A file without a name in the temporary directory (`TMPDIR`): gone with this process whatever ends it. */
export async function openNameless(): Promise<PartFile> {
  const directory = await fsp.mkdtemp(path.join(tmpdir(), "etcd-restore-"));
  try {
    const file = path.join(directory, "snapshot.db");
    const handle = await fsp.open(file, "wx+", 0o600);
    return {
      handle,
      path: `/proc/self/fd/${handle.fd}`,
      rename: () => Promise.reject(new Error("a file without a name cannot be given one")),
      discard: () => handle.close(),
    };
  } finally {
    await fsp.rm(directory, { recursive: true, force: true });
  }
}

/**
 * Whether so many bytes fit into a directory, before they are asked for.
 * @throws TakeError with numbers, when they do not
 */
export function assertRoom(directory: string, bytes: number, what: string): void {
  const { bavail, bsize } = statfsOf(directory);
  const free = bavail * bsize;
  if (bytes + LEFT_TO_OTHERS_BYTES <= free) return;
  throw new TakeError(
    "environment",
    `no room for it: ${what} takes ${size(bytes)}, the disk of ${directory} has ${size(free)} free ` +
      `(${size(LEFT_TO_OTHERS_BYTES)} of it are left to other programs). Free some, or choose another place`,
  );
}

/** Writes all of it, at a place in the file. */
export async function writeAll(file: fsp.FileHandle, part: Buffer, at: number): Promise<void> {
  for (let done = 0; done < part.length;) {
    const { bytesWritten } = await file.write(part, done, part.length - done, at + done);
    done += bytesWritten;
  }
}

/** A disk's own words made ours. */
export function diskError(error: unknown, file: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "ENOSPC" && code !== "EDQUOT" && code !== "EFBIG") return error;
  const full =
    code === "ENOSPC"
      ? "the disk is full"
      : code === "EDQUOT"
        ? "the quota is used up"
        : "it grew too large for this disk";
  return new TakeError("environment", `cannot write ${file}: ${full}. Nothing was kept`);
}

function statfsOf(directory: string): fs.StatsFs {
  try {
    return fs.statfsSync(directory);
  } catch (error) {
    throw new TakeError("usage", `cannot write into ${directory}: ${(error as Error).message}`);
  }
}

async function opened(part: string, file: string): Promise<fsp.FileHandle> {
  try {
    return await fsp.open(part, "wx+", 0o600);
  } catch (error) {
    throw new TakeError("usage", `cannot write ${file}: ${(error as Error).message}`);
  }
}

/** So that the name is there after a power loss too. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await fsp.open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
