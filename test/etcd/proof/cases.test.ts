/** Backups with something about them: each is restored by its own version, and passes for the right reason. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import {
  buildDatabase,
  etcdBuckets,
  revisionBytes,
  type StoredVersion,
} from "../../support/bbolt-builder";
import { temporaryDirectory } from "../../support/temporary";
import { check, findings, openSnapshot, prove, server, snapshotOf, write } from "./stores";

describe.each(["3.5", "3.6", "3.7"])("on etcd %s", (version) => {
  it("an alarm comes along with the backup, and is explained, also when it was disarmed since", async () => {
    const source = await server({ version, flags: ["--quota-backend-bytes=100000"] });
    await write(source, [{ put: "/a", value: "1" }]);
    await source.etcdctl("put", "/large", "x".repeat(100_000)).catch(() => undefined);
    const snapshot = await snapshotOf(source);
    expect(snapshot.alarms).toMatchObject([{ alarm: "NOSPACE" }]);

    const restored = await server({ version, snapshot: snapshot.file });
    const report = await prove(snapshot, restored);
    expect(findings(report)).toEqual({ alarms: "explained" });
    expect(check(report, "alarms").found).toBe("NOSPACE");
    expect(report.verdict).toBe("pass");

    await restored.etcdctl("alarm", "disarm");
    const after = await prove(snapshot, restored);
    expect(findings(after)).toEqual({ alarms: "explained" });
    expect(check(after, "alarms").found).toBe("none");
  });

  it("keys were deleted at the very revision that was compacted to, and some history follows", async () => {
    const source = await server({ version });
    await write(source, [
      { put: "/gone", value: "1" },
      { put: "/back", value: "1" },
      { put: "/stays", value: "1" },
      { delete: "/back" },
      { delete: "/gone" },
    ]);
    await source.etcdctl("compact", "6", "--physical");
    await write(source, [{ put: "/back", value: "2" }, { delete: "/stays" }]);
    const snapshot = await snapshotOf(source);
    expect(snapshot.compactRevision).toBe(6);
    const restored = await server({ version, snapshot: snapshot.file });
    for (const level of ["quick", "standard", "full"] as const) {
      const report = await prove(snapshot, restored, { level });
      expect(findings(report)).toEqual({});
      expect(report.restored.keys).toBe(1);
    }
  });
});

it("one key has 100,000 revisions", async () => {
  const LAST = 100_001;
  const versions = Array.from({ length: LAST - 1 }, (_, i): StoredVersion => ({
    main: i + 2,
    key: Buffer.from("/registry/leases/busy"),
    create: 2,
    version: i + 1,
    value: Buffer.from(`written for the ${i}th time`),
  }));
  const cluster = [{ key: Buffer.from("clusterVersion"), value: Buffer.from("3.6.0") }];
  const mark = ["finishedCompactRev", "scheduledCompactRev"].map((name) => ({
    key: Buffer.from(name),
    value: revisionBytes(1),
  }));
  const file = join(await temporaryDirectory(), "busy.db");
  const { bytes } = buildDatabase({ buckets: etcdBuckets(versions, { cluster, meta: mark }) });
  await writeFile(file, bytes);
  const snapshot = await openSnapshot(file);
  const restored = await server({ snapshot: file });
  const report = await prove(snapshot, restored);
  expect(findings(report)).toEqual({});
  expect(report.snapshot).toMatchObject({ revision: LAST, keys: 1 });
  expect(check(report, "hashkv").verdict).toBe("pass");
});
