/** The file itself: opened once, read in full stretches, and asked at the end whether it is still the same. */
import { readSync, statSync, type BigIntStats } from "node:fs";

import { NotPlainFileError, openPlainFile } from "../../files/plain-file";
import { SnapshotError } from "./snapshot-error";

/** An open file whose size and times were noted, so that a change can be told afterwards. */
export interface SourceFile {
  readonly path: string;
  readonly fd: number;
  readonly size: number;
  readonly stats: BigIntStats;
}

/**
 * Opens a file for reading only.
 * @throws SnapshotError when it is absent, not readable, or no plain file.
 */
export function openSource(path: string): SourceFile {
  try {
    const { fd, stats } = openPlainFile(path);
    return { path, fd, size: Number(stats.size), stats };
  } catch (error) {
    if (!(error instanceof NotPlainFileError)) throw error;
    throw new SnapshotError(path, `${error.message}${HINTS[error.message] ?? ""}`, {
      kind: "unreadable",
    });
  }
}

const HINTS: Readonly<Record<string, string>> = {
  "no permission to read this file":
    "; etcdctl writes snapshots with mode 0600, for their owner only",
  "is a directory": "; name the snapshot file itself",
};

/** Reads exactly `target.length` bytes at `offset`. */
export function readFully(source: SourceFile, target: Uint8Array, offset: number): void {
  let done = 0;
  while (done < target.length) {
    const count = readSync(source.fd, target, done, target.length - done, offset + done);
    if (count === 0) {
      throw new SnapshotError(
        source.path,
        `the file ends here while it is read; it had ${source.size} bytes at the beginning`,
        { offset: offset + done, kind: "changed" },
      );
    }
    done += count;
  }
}

/** @throws SnapshotError when the path now leads to another file, or the file was written to. */
export function assertUnchanged({ path, stats }: SourceFile): void {
  const now = statSync(path, { bigint: true, throwIfNoEntry: false });
  const changed = (what: string) => new SnapshotError(path, what, { kind: "changed" });
  if (now === undefined) throw changed("the file was removed while it was read");
  if (now.dev !== stats.dev || now.ino !== stats.ino) {
    throw changed("another file was put in its place while it was read");
  }
  if (now.size !== stats.size) {
    throw changed(
      `the file changed while it was read: it had ${stats.size.toString()} bytes and now has ${now.size.toString()}`,
    );
  }
  if (now.mtimeNs !== stats.mtimeNs) {
    throw changed(
      `the file changed while it was read: it was written to at ${now.mtime.toISOString()}`,
    );
  }
}
