/** The v2 store out of a backup, held against what a real etcd served from the same backup. */
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { V2BackupError } from "../../../../etcd/backup/opened-backup";
import { readBackup } from "../../../../etcd/backup/read-backup";
import { findDataDirectory } from "../../../../etcd/backup/data-directory";
import { readV2Store, type V2Store } from "../../../../etcd/backup/v2/v2-backup";
import { createWorkspace, snapshotBytes } from "../../../support/kubernetes-fixtures";
import {
  entry,
  layMember,
  logFile,
  logName,
  metadata,
  put,
  record,
  sum,
  type LogRecord,
} from "../../../support/v2-log";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const FIXTURE = join(__dirname, "../../../fixtures/v2-backup");
const LOG = "member/wal/0000000000000000-0000000000000000.wal";
const SNAPSHOT = "member/snap/0000000000000002-000000000000003f.snap";

function readDirectory(directory: string): V2Store | undefined {
  const found = findDataDirectory(directory);
  return found === undefined ? undefined : readV2Store(found.files);
}

let folders = 0;
/** The fixture in a folder of its own, to be changed. */
function copy(): string {
  const directory = workspace.path(`v2-${folders++}`);
  fs.cpSync(FIXTURE, directory, { recursive: true });
  return directory;
}

function asServed(store: V2Store | undefined): readonly unknown[] {
  return (store?.keys ?? []).map(({ key, value, ...rest }) => ({
    ...{ key: key.toString(), value: value.toString() },
    ...rest,
  }));
}

describe("a backup that etcdctl made", () => {
  it("holds exactly the keys, values, indexes and times that etcd 3.5 served from it", () => {
    const store = readDirectory(FIXTURE);
    const truth: unknown = JSON.parse(fs.readFileSync(join(FIXTURE, "truth.json"), "utf8"));
    expect(asServed(store)).toEqual(truth);
    expect(store).toMatchObject({ folders: 10, index: 54, snapshotIndex: 63, logEntries: 13 });
  });

  it("is recognised, with or without the database beside it, and no snapshot for those who need one", async () => {
    const older = copy();
    fs.rmSync(join(older, "member/snap/db"));
    for (const directory of [FIXTURE, older]) {
      const error = await readBackup(directory).catch((refusal: unknown) => refusal);
      expect(error).toBeInstanceOf(V2BackupError);
      expect((error as Error).message).toMatch(
        /v2 store \(35 keys\).*start, up and verify restore and prove it/,
      );
    }
  });

  it("is a v3 backup with a note where its database holds keys", async () => {
    const mixed = copy();
    const database = snapshotBytes("kubernetes-1.35-events.db").subarray(0, -32);
    fs.writeFileSync(join(mixed, "member/snap/db"), database);
    const { snapshot, backup } = await readBackup(mixed);
    snapshot.close();
    expect(snapshot.live.count).toBe(296);
    expect(backup.notes.join("\n")).toMatch(/also holds 35 keys of the old v2 store/);
  });

  it("is refused with the file and the byte when its log or its snapshot is damaged", () => {
    const log = copy();
    const bytes = fs.readFileSync(join(log, LOG));
    bytes.writeUInt8((bytes[900] ?? 0) ^ 1, 900);
    fs.writeFileSync(join(log, LOG), bytes);
    expect(() => readDirectory(log)).toThrow(/\.wal: byte \d+: the checksum of this record/);
    const tree = copy();
    const snap = fs.readFileSync(join(tree, SNAPSHOT));
    snap.writeUInt8((snap[5000] ?? 0) ^ 1, 5000);
    fs.writeFileSync(join(tree, SNAPSHOT), snap);
    expect(() => readDirectory(tree)).toThrow(/\.snap: .*wrong checksum/);
  });
});

describe("a log without a snapshot", () => {
  it("of etcd 2.x is replayed: what was never committed, or written over, or cut off, is left out", () => {
    const directory = writeLog([
      entry(1, []),
      entry(2, put("/a/b", "first")),
      entry(3, put("/a/c", "of a leader that lost")),
      entry(3, put("/a/b", "second")),
      entry(4, [
        [2, "DELETE"],
        [3, "/1/a"],
      ]), // a folder, without `recursive`: refused then and now
      entry(5, put("/a/d", "third")),
      record(3, [[3, 5]]),
      entry(6, put("/never", "committed")),
    ]);
    const store = readDirectory(directory);
    expect(asServed(store)).toEqual([
      { key: "/a/b", value: "second", createdIndex: 2, modifiedIndex: 2 },
      { key: "/a/d", value: "third", createdIndex: 3, modifiedIndex: 3 },
    ]);
  });

  it("with no key of a user is no v2 backup", () => {
    expect(readDirectory(writeLog([entry(1, []), record(3, [[3, 1]])]))).toBeUndefined();
    expect(readDirectory(workspace.path("."))).toBeUndefined();
  });
});

/** With a last record that was cut off. */
function writeLog(records: readonly LogRecord[]): string {
  const cut = Buffer.alloc(20);
  cut.writeBigUInt64LE(500n);
  const { bytes } = logFile([sum, metadata, ...records]);
  return layMember(workspace.path(`log-${folders++}`), {
    [logName(0, 0)]: Buffer.concat([bytes, cut]),
  });
}
