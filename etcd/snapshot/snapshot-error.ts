/** The one error of the reader: what is wrong with a file, where, of which kind, and what to do. */
import { visible } from "../wire/visible";

/**
 * What kind of trouble it is; whoever decides by an error decides by this, never by its words.
 *
 * - `unreadable`: the file is not there, may not be read, or is no plain file.
 * - `foreign`: it is something else than a bbolt database of etcd.
 * - `no-key-bucket`: a bbolt database without etcd's bucket `key`, as a v2 backup leaves one.
 * - `cut`: it has another length than it says.
 * - `damaged`: page or value are not as etcd writes them.
 * - `changed`: it was written to, replaced or removed while it was read.
 * - `limit`: it may be good, but is beyond what this reader can take in.
 */
export type SnapshotErrorKind =
  "unreadable" | "foreign" | "no-key-bucket" | "cut" | "damaged" | "changed" | "limit";

/** Where in the file a problem lies, and of which kind it is. */
export interface Place {
  readonly page?: number;
  /** Byte offset from the start of the file. */
  readonly offset?: number;
  /** Default: `damaged`. */
  readonly kind?: SnapshotErrorKind;
}

/**
 * A file that is no whole etcd snapshot. The message is meant for the user: file, page, offset, what was found and expected.
 *
 * @example
 * ```ts
 * import { readSnapshot, SnapshotError } from "etcd-restore/snapshot";
 *
 * try {
 *   (await readSnapshot("/backups/etcd-2026-11-22.db")).close();
 * } catch (error) {
 *   if (!(error instanceof SnapshotError)) throw error;
 *   console.error(error.kind, error.page, error.message);
 * }
 * ```
 */
export class SnapshotError extends Error {
  readonly file: string;
  readonly kind: SnapshotErrorKind;
  readonly page?: number;
  readonly offset?: number;
  /** The message without the file's name in front and the advice behind: for whoever knows the file by another name. */
  readonly problem: string;
  /** What to do, where the reader knows. */
  readonly advice?: string;

  /** @param problem what was found and expected; whatever of it comes from the file is shown visibly */
  constructor(file: string, problem: string, place: Place = {}, advice?: string) {
    const where = describePlace(place) + visible(problem);
    super(`${visible(file)}: ${where}${advice === undefined ? "" : `. ${advice}`}`);
    this.name = "SnapshotError";
    this.file = file;
    this.kind = place.kind ?? "damaged";
    this.problem = where;
    if (place.page !== undefined) this.page = place.page;
    if (place.offset !== undefined) this.offset = place.offset;
    if (advice !== undefined) this.advice = advice;
  }

  /** The same trouble of a file that people know by another name, with some words in front of the problem. */
  inTheNameOf(file: string, prefix: string): SnapshotError {
    return this.copy(file, prefix + this.problem, this.advice);
  }

  /** The same with advice behind it, where it has none yet. */
  advised(advice: string): SnapshotError {
    return this.advice === undefined ? this.copy(this.file, this.problem, advice) : this;
  }

  private copy(file: string, problem: string, advice: string | undefined): SnapshotError {
    const copy = new SnapshotError(file, problem, { kind: this.kind }, advice);
    copy.stack = this.stack?.replace(this.message, copy.message) ?? copy.message;
    const { page, offset } = this;
    return Object.assign(
      copy,
      page === undefined ? {} : { page },
      offset === undefined ? {} : { offset },
    );
  }
}

function describePlace({ page, offset }: Place): string {
  const parts = [];
  if (page !== undefined) parts.push(`page ${page}`);
  if (offset !== undefined) parts.push(`byte ${offset}`);
  return parts.length === 0 ? "" : `${parts.join(", ")}: `;
}
