/** Log and snapshot of a v2 store, damaged in each way that a disk, a copy or a person can: each is caught, by its words. */
import { afterAll, describe, expect, it } from "vitest";
import { findDataDirectory } from "../../../../etcd/backup/data-directory";
import { readV2Store } from "../../../../etcd/backup/v2/v2-backup";
import { createWorkspace } from "../../../support/kubernetes-fixtures";
import {
  committed,
  entry,
  layMember,
  logFile,
  logName,
  metadata,
  put,
  record,
  snapshotFile,
  snapshotName,
  sum,
  type LogRecord,
} from "../../../support/v2-log";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const FIRST = logName(0, 0);
const PREALLOCATED = Buffer.alloc(64_000);

/** Three files of the log: entries 1 to 3, 4 to 6, 7 to 9; committed up to the last one. */
function threeFiles(): { readonly names: readonly string[]; readonly files: readonly Buffer[] } {
  const entries = (from: number): LogRecord[] =>
    [from, from + 1, from + 2].map((index) => entry(index, put(`/key/${index}`, `value ${index}`)));
  const one = logFile([sum, metadata, ...entries(1), committed(3)]);
  const two = logFile([sum, metadata, ...entries(4), committed(6)], one.crc);
  const three = logFile([sum, metadata, ...entries(7), committed(9)], two.crc);
  return {
    names: [FIRST, logName(1, 4), logName(2, 7)],
    files: [one.bytes, two.bytes, Buffer.concat([three.bytes, PREALLOCATED])],
  };
}

let folders = 0;
function read(
  logs: Readonly<Record<string, Buffer>>,
  snapshots: Readonly<Record<string, Buffer>> = {},
): readonly string[] {
  const directory = layMember(workspace.path(`damaged-${folders++}`), logs, snapshots);
  const files = findDataDirectory(directory)?.files;
  if (files === undefined) throw new Error("no data directory");
  return (readV2Store(files)?.keys ?? []).map(({ key }) => key.toString());
}

/** The three files with something done to them. */
function changed(change: (files: Buffer[], names: string[]) => void): Record<string, Buffer> {
  const { names, files } = threeFiles();
  const [changedFiles, changedNames] = [files.map((file) => Buffer.from(file)), [...names]];
  change(changedFiles, changedNames);
  return Object.fromEntries(
    changedNames.flatMap((name, at) => {
      const bytes = changedFiles[at];
      return bytes === undefined || name === "" ? [] : [[name, bytes] as const];
    }),
  );
}

const flip = (bytes: Buffer | undefined, at: number) => {
  bytes?.writeUInt8((bytes[at] ?? 0) ^ 4, at);
};
/** Where the text stands in a file. */
const placeOf = (bytes: Buffer | undefined, text: string) => bytes?.indexOf(text) ?? -1;
/** Bytes of a log before what was laid out in zeros. */
const lengthOf = (bytes: Buffer | undefined) => (bytes?.length ?? 0) - PREALLOCATED.length;

describe("what a crash leaves is legal", () => {
  it("a whole log of three files", () => {
    expect(read(changed(() => undefined))).toHaveLength(9);
  });

  it("a record at the very end that was not written to its end: cut off, or with a sector of zeros", () => {
    // What is never committed may be lost; a commit that is not known is none.
    const torn = logFile([sum, metadata, entry(1, put("/a", "x")), committed(1)]);
    const next = logFile([entry(2, put("/b", "y".repeat(2000)))], torn.crc).bytes;
    const cut = Buffer.concat([torn.bytes, next.subarray(0, 900)]);
    expect(read({ [FIRST]: cut })).toEqual(["/a"]);
    const hole = Buffer.from(next);
    hole.fill(0, 512, 1536);
    expect(read({ [FIRST]: Buffer.concat([torn.bytes, hole, PREALLOCATED]) })).toEqual(["/a"]);
  });

  it("a log whose first files were removed because a snapshot holds what was in them", () => {
    const later = changed((_, names) => {
      names[0] = "";
    });
    expect(read(later, { [snapshotName(3)]: snapshotFile(3) })).toEqual([
      ...[4, 5, 6, 7, 8, 9].map((index) => `/key/${index}`),
      "/saved",
    ]);
  });
});

const KINDS: readonly [what: string, words: RegExp, damage: () => readonly string[]][] = [
  [
    "a bit of a record's value is flipped",
    /0000000000000004\.wal: byte \d+: the checksum of this record/,
    () =>
      read(
        changed(([, two]) => {
          flip(two, placeOf(two, "value 5"));
        }),
      ),
  ],
  [
    "a bit is flipped in the very last record",
    /0000000000000007\.wal: byte \d+: the checksum of this record/,
    () =>
      read(
        changed(([, , three]) => {
          flip(three, placeOf(three, "value 9"));
        }),
      ),
  ],
  [
    "a bit of a checksum itself is flipped",
    /the checksum of this record of the log is wrong/,
    () =>
      read(
        changed(([one]) => {
          flip(one, (one?.indexOf("/1/key/2") ?? 0) - 20);
        }),
      ),
  ],
  [
    "a record says that it is longer than the file",
    /byte \d+: the length of this record of the log is wrong/,
    () => {
      const { bytes } = logFile([sum, metadata, entry(1, put("/a", "x")), committed(1)]);
      const at = logFile([sum, metadata]).bytes.length;
      bytes.writeUInt8(1, at + 4); // 4 GiB more
      return read({ [FIRST]: bytes });
    },
  ],
  [
    "a file in the middle is missing",
    /the log does not go on here: 1 of its files is missing between 0000000000000000-0000000000000000\.wal and this one/,
    () =>
      read(
        changed((_, names) => {
          names[1] = "";
        }),
      ),
  ],
  [
    "the first file is missing, and no snapshot holds what was in it",
    /the log begins with entry 4, and no snapshot holds what came before it/,
    () =>
      read(
        changed((_, names) => {
          names[0] = "";
        }),
      ),
  ],
  [
    "the last file is missing although its entries are known to be committed",
    /committed up to entry 9, and ends with entry 6: its end is missing/,
    () => {
      const entries = [1, 2, 3, 4, 5, 6].map((index) => entry(index, put(`/k${index}`, "v")));
      return read({ [FIRST]: logFile([sum, metadata, ...entries, committed(9)]).bytes });
    },
  ],
  [
    "a file that is not the last is cut off",
    /0000000000000004\.wal: byte \d+: this record of the log is cut off, and the log goes on after it/,
    () =>
      read(
        changed((files) => {
          files[1] = (files[1] ?? Buffer.alloc(0)).subarray(0, -20);
        }),
      ),
  ],
  [
    "a file that is not the last is empty",
    /0000000000000004\.wal: this file of the log is empty/,
    () =>
      read(
        changed((files) => {
          files[1] = Buffer.alloc(0);
        }),
      ),
  ],
  [
    "two files have changed places",
    /the checksum of this record of the log is wrong/,
    () =>
      read(
        changed((files) => {
          const [, two, three] = files;
          files[1] = (three ?? Buffer.alloc(0)).subarray(0, lengthOf(three));
          files[2] = two ?? Buffer.alloc(0);
        }),
      ),
  ],
  [
    "zeros stand in the middle",
    /byte \d+: (zeros stand in the log|this record of the log is none)/,
    () =>
      read(
        changed(([, , three]) => {
          const at = placeOf(three, "value 7");
          three?.fill(0, at + 16, at + 200);
        }),
      ),
  ],
  [
    "an entry is missing between two others",
    /entry 3 of the log comes after entry 1: what lies between is missing/,
    () =>
      read({
        [FIRST]: logFile([
          ...[sum, metadata, entry(1, put("/a", "x"))],
          ...[entry(3, put("/c", "x")), committed(3)],
        ]).bytes,
      }),
  ],
  [
    "a file is of another member",
    /this file of the log is of another member/,
    () => {
      const one = logFile([sum, metadata, entry(1, put("/a", "x")), committed(1)]);
      const other = record(1, [[1, 99]]);
      return read({ [FIRST]: one.bytes, [logName(1, 2)]: logFile([sum, other], one.crc).bytes });
    },
  ],
  [
    "a record is of a kind that no etcd writes",
    /this record of the log is none that etcd writes/,
    () => read({ [FIRST]: logFile([sum, metadata, record(9, []), committed(0)]).bytes }),
  ],
  [
    "the log does not begin at its beginning",
    /the log does not begin with a checksum/,
    () => read({ [FIRST]: logFile([metadata, entry(1, put("/a", "x"))]).bytes }),
  ],
  [
    "the snapshot is newer than the log",
    /\.snap: this snapshot is newer than the log: it was taken at raft index 40, the log ends at 9/,
    () =>
      read(
        changed(() => undefined),
        { [snapshotName(40)]: snapshotFile(40) },
      ),
  ],
  [
    "the log begins later than the snapshot ends",
    /the log begins with entry 7, and the snapshot ends at 3/,
    () =>
      read(
        changed((_, names) => {
          names[0] = "";
          names[1] = "";
        }),
        { [snapshotName(3)]: snapshotFile(3) },
      ),
  ],
  [
    "the snapshot is of another log",
    /this snapshot is none of this log: it is of term 5, the log has one of term 1 there/,
    () => {
      const known = record(5, [
        [1, 2],
        [2, 1],
      ]);
      const log = [sum, metadata, entry(1, []), entry(2, []), known, committed(2)];
      const other = { [snapshotName(2, 5)]: snapshotFile(2, 5) };
      return read({ [FIRST]: logFile(log).bytes }, other);
    },
  ],
  [
    "a bit of the snapshot is flipped",
    /\.snap: this snapshot of a v2 store cannot be read: wrong checksum/,
    () => {
      const bytes = snapshotFile(3);
      flip(bytes, placeOf(bytes, "in the snapshot"));
      return read(
        changed(() => undefined),
        { [snapshotName(3)]: bytes },
      );
    },
  ],
  [
    "the snapshot is cut off",
    /\.snap: this snapshot of a v2 store cannot be read: protobuf field 2 wants \d+ bytes/,
    () =>
      read(
        changed(() => undefined),
        { [snapshotName(3)]: snapshotFile(3).subarray(0, -9) },
      ),
  ],
  [
    "the snapshot is empty",
    /\.snap: this snapshot of a v2 store cannot be read: it is empty/,
    () =>
      read(
        changed(() => undefined),
        { [snapshotName(3)]: Buffer.alloc(0) },
      ),
  ],
  [
    "the snapshot has the name of another one",
    /it is of raft index 3, not 4/,
    () =>
      read(
        changed(() => undefined),
        { [snapshotName(4)]: snapshotFile(3) },
      ),
  ],
];

describe("damage is caught", () => {
  it.each(KINDS)("%s", (_, words, damage) => {
    expect(damage).toThrow(words);
  });
});
