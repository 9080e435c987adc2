/**
 * Files that a user names. They may be anything: a pipe would hold the process for ever, deaf to every signal, so each is
 * opened without waiting and looked at before it is read.
 */
import * as fs from "node:fs";

/** What was named is no plain file that can be read. The message says what it is instead, without its name. */
export class NotPlainFileError extends Error {}

/** Far beyond any certificate, list of clouds or settings. */
const MOST_BYTES = 16 * 2 ** 20;

/**
 * Opens a plain file for reading only; its size and times come with it.
 * @throws NotPlainFileError when it is absent, not readable, or something else
 */
export function openPlainFile(path: string): {
  readonly fd: number;
  readonly stats: fs.BigIntStats;
} {
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    throw new NotPlainFileError(describeFileError(error));
  }
  try {
    const stats = fs.fstatSync(fd, { bigint: true });
    if (stats.isFile()) return { fd, stats };
    throw new NotPlainFileError(`is ${describeOther(stats)}`);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/**
 * The text of a small file: a certificate, a list of clouds, a manifest.
 * @throws NotPlainFileError also when it is larger than 16 MiB
 */
export function readPlainText(path: string): string {
  const { fd } = openPlainFile(path);
  try {
    const parts: Buffer[] = [];
    let length = 0;
    // Not by its size: files of /proc have none.
    for (;;) {
      const part = Buffer.allocUnsafe(65_536);
      const count = fs.readSync(fd, part);
      if (count === 0) return Buffer.concat(parts).toString("utf8");
      length += count;
      if (length > MOST_BYTES) throw new NotPlainFileError("is larger than 16 MiB");
      parts.push(part.subarray(0, count));
    }
  } catch (error) {
    throw error instanceof NotPlainFileError
      ? error
      : new NotPlainFileError(describeFileError(error));
  } finally {
    fs.closeSync(fd);
  }
}

/** The bytes of a plain file from one on, piece by piece. */
export function streamPlainFile(path: string, pieceBytes = 65_536, start = 0): fs.ReadStream {
  return fs.createReadStream(path, {
    fd: openPlainFile(path).fd,
    highWaterMark: pieceBytes,
    start,
  });
}

/** What a path leads to; undefined when it leads nowhere, or there is no way to it. */
export function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path);
  } catch {
    return undefined;
  }
}

/** What an error of the file system means to whoever named the file. */
export function describeFileError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "ENOTDIR":
      return "there is no such file: what stands before a slash in it is no directory";
    case "ELOOP":
      return "is a link that leads back to itself";
    case "ENAMETOOLONG":
      return "this name is longer than any file's";
    case "EACCES":
    case "EPERM":
      return "no permission to read this file";
    case "ENXIO":
    case "ENODEV":
      return "is not a plain file: a device or a socket";
    case "EISDIR":
      return "is a directory";
    case "ERR_INVALID_ARG_VALUE":
      return "no file can have this name";
    default:
      return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function describeOther(stats: fs.BigIntStats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) {
    return "not a plain file but a pipe, which can be read only once: save what comes out of it to a file, and name that";
  }
  return `not a plain file but ${stats.isSocket() ? "a socket" : "a device"}`;
}
