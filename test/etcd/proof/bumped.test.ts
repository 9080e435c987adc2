/** Stores whose revision was bumped at the restore: what survives it is proved, and what differs is found. */
import { execFile as execFileCallback } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, it } from "vitest";

import type { Snapshot } from "../../../etcd/snapshot/snapshot";
import { programsOf, type EtcdServer } from "../../support/etcd-server";
import { temporaryDirectory } from "../../support/temporary";
import { check, findings, fixture, prove, server, snapshotOf, write } from "./stores";

const execFile = promisify(execFileCallback);
const BY = 1_000_000_000;

/** A server on a restore of the snapshot with a bump. */
async function bumpedServer(snapshot: Snapshot, version: string): Promise<EtcdServer> {
  const { etcdutl } = await programsOf(version);
  const dataDirectory = join(await temporaryDirectory(), "data");
  const peer = "http://127.0.0.1:2380";
  await execFile(etcdutl, [
    ...["snapshot", "restore", snapshot.file, "--data-dir", dataDirectory, "--name", "test"],
    ...["--initial-cluster", `test=${peer}`, "--initial-advertise-peer-urls", peer],
    ...["--bump-revision", String(BY), "--mark-compacted"],
  ]);
  return server({ version, dataDirectory });
}

describe.each(["3.5", "3.6", "3.7"])("a backup restored with a bump, on etcd %s", (version) => {
  it("passes, with every key as in the backup", async () => {
    const snapshot = await fixture("main");
    const restored = await bumpedServer(snapshot, version);
    for (const level of ["quick", "full"] as const) {
      const report = await prove(snapshot, restored, { level, bumpedBy: BY });
      const found = findings(report);
      for (const id of ["revision", "leases", "etcd-version"]) {
        expect([undefined, "explained"]).toContain(found[id]);
        Reflect.deleteProperty(found, id);
      }
      expect(found).toEqual({});
      expect(report.verdict).toBe("pass");
      expect(check(report, "hashkv").title).toBe(`HashKV at revision ${BY + 482}`);
      expect(check(report, "compact-revision").found).toBe(String(BY + 482));
      expect(report.snapshot.revision).toBe(482);
      expect(report.restored.revision).toBeGreaterThanOrEqual(BY + 482);
    }
    // Taken for a plain restore it is another store, and the other way round.
    expect((await prove(snapshot, restored)).verdict).not.toBe("pass");
    const plain = await server({ version, snapshot: snapshot.file });
    expect((await prove(snapshot, plain, { bumpedBy: BY })).verdict).toBe("fail");
  });
});

it("passes after a bump without any key, and with deletes at the last revision", async () => {
  const source = await server();
  const empty = await snapshotOf(source);
  await write(source, [{ put: "/a", value: "1" }, { put: "/b", value: "1" }, { delete: "/b" }]);
  const deleted = await snapshotOf(source);
  await write(source, [{ delete: "/a" }]);
  const allDeleted = await snapshotOf(source);
  for (const snapshot of [empty, deleted, allDeleted]) {
    const restored = await bumpedServer(snapshot, "3.6");
    expect(findings(await prove(snapshot, restored, { bumpedBy: BY }))).toEqual({});
  }
});

it("finds a key that changed after a bump, and a value that is not the backup's", async () => {
  const [source, other] = await Promise.all([server(), server()]);
  await write(source, [
    { put: "/a", value: "1" },
    { put: "/b", value: "1" },
  ]);
  await write(other, [
    { put: "/a", value: "1" },
    { put: "/b", value: "2" },
  ]);
  const snapshot = await snapshotOf(source);
  const wrong = await bumpedServer(await snapshotOf(other), "3.6");
  const report = await prove(snapshot, wrong, { bumpedBy: BY });
  expect(findings(report)).toEqual({
    hashkv: "fail",
    "read-back": "fail",
    "second-reader": "fail",
  });
  expect(report.differences.details).toEqual([
    { key: "/b", difference: "changed", fields: ["value"] },
  ]);

  const touched = await bumpedServer(snapshot, "3.6");
  await write(touched, [{ put: "/c", value: "1" }]);
  expect(findings(await prove(snapshot, touched, { bumpedBy: BY }))).toEqual({ revision: "fail" });
});
