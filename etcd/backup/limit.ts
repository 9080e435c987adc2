/**
 * How much a packed file may become. A few kilobytes can be made to unpack to terabytes, so unpacking stops at what the
 * database can be by its own meta pages, and in any case at a multiple of what was packed that no real backup comes near.
 */
import { size } from "../wire/figures";
import { SnapshotError } from "../snapshot/snapshot-error";
import { mostDatabaseBytes } from "../snapshot/meta-page";

/** The 32 bytes of SHA-256, and the pages that bbolt keeps ahead in a data directory. */
const MOST_BEHIND_DATABASE = 33 * 2 ** 20;
/** Real databases shrink to a tenth; one whose pages are nearly all free and zero, to a few hundredths. */
const MOST_RATIO = 1000;
/** Whatever its ratio, so much does no harm. */
const FREE_BYTES = 2 ** 30;

/** What bounds an unpacking. */
export interface Limit {
  /**
   * What a database may take that begins like this; undefined when neither of its meta pages is whole.
   * @throws SnapshotError when that is more than such a file may become
   */
  database(head: Buffer):
    | {
        /** By its meta pages, in bytes. */
        readonly database: number;
        /** @throws SnapshotError when so many bytes are more than they say */
        readonly check: (written: number) => void;
      }
    | undefined;
  /** Takes so many bytes for anything else. @throws SnapshotError when they are too many together */
  take(bytes: number): void;
}

/** @param packedBytes of the file as it lies there */
export function createLimit(file: string, packedBytes: number): Limit {
  const most = Math.max(FREE_BYTES, packedBytes * MOST_RATIO);
  let taken = 0;
  const tooMuch = (what: string): never => {
    throw new SnapshotError(
      file,
      `${what} unpacked, out of ${size(packedBytes)}: the limit is ${size(most)}, ${MOST_RATIO} times as much as is packed ` +
        "(or 1 GiB), since more is a trap and no backup. If it is one, unpack it yourself and name what comes out",
    );
  };
  return {
    database(head) {
      const database = mostDatabaseBytes(head);
      if (database === 0) return undefined;
      if (database > most) tooMuch(`by its meta pages it takes ${size(database)}`);
      return {
        database,
        check(written) {
          if (written <= database + MOST_BEHIND_DATABASE) return;
          throw new SnapshotError(
            file,
            `unpacked it grows beyond what its meta pages say: that is ${size(database)}, and at ${size(written)} it is ` +
              "not at its end. It was stopped there",
          );
        },
      };
    },
    take(bytes) {
      taken += bytes;
      if (taken > most)
        tooMuch(`what lies beside the database in it takes more than ${size(most)}`);
    },
  };
}
