/** Where an unpacked backup lies while it is read: it holds a cluster's Secrets. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { streamPlainFile } from "../../files/plain-file";
import { size } from "../wire/figures";
import { visible } from "../wire/visible";

/**
 * The disk has not the room to unpack. The message names numbers and the way out.
 *
 * @example
 * ```ts
 * import { NoRoomError, openBackup } from "etcd-restore/snapshot";
 *
 * try {
 *   await openBackup("/backups/etcd-2026-11-22.db.zst");
 * } catch (error) {
 *   if (!(error instanceof NoRoomError)) throw error;
 *   console.error(error.message); // set TMPDIR to a larger disk
 * }
 * ```
 */
export class NoRoomError extends Error {}

/** What is done with a backup there, for messages. */
export type Doing = "unpacked" | "fetched";

/** A file that is being written. */
export interface Place {
  /** @throws NoRoomError when so many bytes do not fit. */
  expect(bytes: number): void;
  /** @throws NoRoomError when what is written goes to the end of the disk's room. */
  write(part: Uint8Array): void;
  /** Ends the writing; gives what can be read. */
  finish(): Placed;
  /** Removes what was written. Harmless after `finish`. */
  discard(): void;
}

/** A file that was written. */
export interface Placed {
  readonly path: string;
  readonly bytes: number;
  dispose(): void;
}

/** What other programs need of a disk is left to them: a tenth of what is free, and so much at least. */
const LEFT_TO_OTHERS_BYTES = 64 * 2 ** 20;
const LEFT_TO_OTHERS = 0.1;

/**
 * A file in the temporary directory (`TMPDIR`) that has no name: whatever ends this process, it is gone with it.
 *
 * It can be opened again by its path as long as it is not disposed of (Linux, proc(5): `/proc/self/fd`).
 */
export function openUnnamedPlace(file: string, doing: Doing = "unpacked"): Place {
  const directory = temporaryFolder(file, doing);
  let fd: number;
  try {
    fd = fs.openSync(path.join(directory, "backup.db"), "wx+", 0o600);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
  const close = once(() => {
    fs.closeSync(fd);
  });
  const wayOut = "set TMPDIR to a folder on a larger disk";
  const room = roomIn(tmpdir(), fd, { file, doing, wayOut });
  let finished = false;
  return {
    expect: room.expect,
    write: room.write,
    finish() {
      finished = true;
      return { path: `/proc/self/fd/${fd}`, bytes: room.bytes(), dispose: close };
    },
    discard() {
      if (!finished) close();
    },
  };
}

function temporaryFolder(file: string, doing: Doing): string {
  try {
    return fs.mkdtempSync(path.join(tmpdir(), "etcd-restore-"));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new NoRoomError(
      visible(
        `${file}: it cannot be ${doing} to ${tmpdir()}, the temporary directory, which ${REASONS[code] ?? `answers ${code}`}. ` +
          "Set TMPDIR to a directory that can be written to",
      ),
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "is not there",
  ENOTDIR: "is no directory",
  ELOOP: "is a link that leads back to itself",
  EACCES: "may not be written to",
  EPERM: "may not be written to",
  EROFS: "is read-only",
  ENOSPC: "is full",
  EDQUOT: "is full",
};

/**
 * A file in a folder of its own that stays: `FOLDER/<sha256 of what was written>.db`. Nobody else may read it.
 * @param folder absolute; what it held is removed
 */
export function openLastingPlace(file: string, folder: string): Place {
  const hash = createHash("sha256");
  const place = placeIn(folder, { file, doing: "unpacked" }, () => `${hash.digest("hex")}.db`);
  return {
    ...place,
    write(part) {
      place.write(part);
      hash.update(part);
    },
  };
}

/** The same for what is fetched, and hashed by whoever fetches it: under a name of its own. */
export function openNamedPlace(file: string, folder: string, name: string): Place {
  return placeIn(folder, { file, doing: "fetched" }, () => name);
}

function placeIn(
  folder: string,
  about: { readonly file: string; readonly doing: Doing },
  nameIt: () => string,
): Place {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unfinished = path.join(folder, "unfinished");
  const fd = fs.openSync(unfinished, "wx", 0o600);
  const close = once(() => {
    fs.closeSync(fd);
  });
  const wayOut = "use a lab directory on a larger disk (setting labDirectory)";
  const room = roomIn(folder, fd, { ...about, wayOut });
  let finished = false;
  return {
    expect: room.expect,
    write: room.write,
    finish() {
      close();
      const lasting = path.join(folder, nameIt());
      fs.renameSync(unfinished, lasting);
      finished = true;
      return { path: lasting, bytes: room.bytes(), dispose: () => undefined };
    },
    discard() {
      if (finished) return;
      close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The file that `openLastingPlace` left in a folder, if it is whole: its name is its sha256. */
export async function findLasting(folder: string): Promise<Placed | undefined> {
  const name = fs.existsSync(folder) ? fs.readdirSync(folder)[0] : undefined;
  if (name === undefined) return undefined;
  const lasting = path.join(folder, name);
  if (`${await sha256OfFile(lasting)}.db` !== name) return undefined;
  return { path: lasting, bytes: fs.statSync(lasting).size, dispose: () => undefined };
}

/** In hex. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of streamPlainFile(file, 1 << 20)) {
    hash.update(part as Buffer);
  }
  return hash.digest("hex");
}

interface Room {
  readonly expect: (bytes: number) => void;
  readonly write: (part: Uint8Array) => void;
  /** How much was written. */
  readonly bytes: () => number;
}

/** The room that the disk of a directory has for the open file `fd`. */
function roomIn(
  directory: string,
  fd: number,
  {
    file,
    doing,
    wayOut,
  }: { readonly file: string; readonly doing: Doing; readonly wayOut: string },
): Room {
  const { bavail, bsize } = fs.statfsSync(directory);
  const free = bavail * bsize;
  const left = Math.max(LEFT_TO_OTHERS_BYTES, Math.ceil(free * LEFT_TO_OTHERS));
  const most = free - left;
  const full = (cause: string) =>
    new NoRoomError(
      `${file}: ${cause}, and the disk of ${directory} has ${size(free)} free (${size(left)} of it are ` +
        `left to other programs). Free some, or ${wayOut}`,
    );
  let written = 0;
  return {
    expect(bytes) {
      if (bytes > most) throw full(`${doing} it takes ${size(bytes)}`);
    },
    write(part) {
      written += part.length;
      if (written > most) throw full(`${doing} it grew to ${size(written)} and is not at its end`);
      try {
        for (let done = 0; done < part.length;) done += fs.writeSync(fd, part, done);
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : undefined;
        if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
        throw full("there is no room for it");
      }
    },
    bytes: () => written,
  };
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
