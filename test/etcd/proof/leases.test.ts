/** Leases start anew at a restore and run out while people look at it: foretold, so no false alarm. */
import { setTimeout as delay } from "node:timers/promises";

import { join } from "node:path";

import { Etcd3 } from "etcd3";
import { describe, expect, it } from "vitest";

import { canHaveRunOut } from "../../../etcd/proof/lease-clock";
import { temporaryDirectory } from "../../support/temporary";
import { check, findings, fixture, prove, server, snapshotOf, write } from "./stores";

it("explains the masterlease that runs out after 15 s, and nothing besides", async () => {
  const snapshot = await fixture("main");
  const [restored, touched] = await Promise.all([
    server({ snapshot: snapshot.file }),
    server({ snapshot: snapshot.file }),
  ]);
  // A lease of the backup revoked by hand looks the same as one that ran out; a later write does not.
  await write(touched, [{ put: "/late", value: "x" }]);
  const end = Date.now() + 30_000;
  for (const { etcdctl } of [restored, touched]) {
    while ((await etcdctl("get", "/registry/masterleases/", "--prefix", "--keys-only")) !== "") {
      expect(Date.now(), "the masterlease runs out within 30 s").toBeLessThan(end);
      await delay(250);
    }
  }

  for (const level of ["quick", "standard", "full"] as const) {
    const report = await prove(snapshot, restored, {
      level,
      expectedKeys: ["/registry/masterleases/"],
    });
    expect(findings(report)).toEqual({ revision: "explained", leases: "explained" });
    expect(report.verdict).toBe("pass");
    expect(report.differences.total).toBe(0);
    expect(report.restored.revision).toBe(483);
    expect(check(report, "revision").reason).toMatch(
      /^ran out after the restore: \d leases? of 15 s, and with that 1 key; at revision 482 all are there$/,
    );
  }

  const report = await prove(snapshot, touched);
  expect(findings(report)).toMatchObject({ revision: "fail" });
  expect(report.differences.details).toEqual([{ key: "/late", difference: "extra" }]);

  // What only leases changed and somebody then compacted can no longer be checked; but it is no failure either.
  await restored.etcdctl("compact", "483");
  const compacted = await prove(snapshot, restored);
  expect(compacted.verdict).toBe("incomplete");
  expect(findings(compacted)).toEqual({
    "compact-revision": "not-checked",
    hashkv: "not-checked",
    "key-count": "not-checked",
    "read-back": "not-checked",
    revision: "explained",
    leases: "explained",
  });
});

describe.each(["quick", "standard", "full"] as const)("at the level %s", (level) => {
  it("does not take a lease for run out that was revoked before its time", async () => {
    const source = await server();
    await write(source, [{ put: "/leased", value: "1", lease: 1 }], [100_000, 90_000]);
    const snapshot = await snapshotOf(source);
    const restored = await server({ snapshot: snapshot.file });
    await restored.etcdctl("lease", "revoke", "2"); // without keys: the revision stays
    const without = await prove(snapshot, restored, { level });
    expect(findings(without)).toEqual({ leases: "fail" });
    expect(check(without, "leases").reason).toMatch(/of 90000 s, \d.* somebody revoked it$/);

    await restored.etcdctl("lease", "revoke", "1");
    const report = await prove(snapshot, restored, { level });
    expect(findings(report)).toEqual({ revision: "fail", leases: "fail" });
    expect(report.verdict).toBe("fail");
  });

  it("does not take a lease that ran out for the excuse of a transaction", async () => {
    const source = await server();
    const values = ["/a", "/b", "/foreign"].map((put) => ({ put, value: "1" }));
    await write(source, [{ put: "/leased", value: "1", lease: 1 }, ...values], [4]);
    const snapshot = await snapshotOf(source);
    const restored = await server({ snapshot: snapshot.file });
    // One revision, and one key less: as if the lease had run out and taken its key.
    const client = new Etcd3({ hosts: restored.url });
    await client
      .if("/a", "Version", ">", 0)
      .then(
        client.put("/leased").value("mine"),
        client.delete().key("/foreign"),
        client.put("/a").value("2"),
        client.put("/b").value("2"),
      )
      .commit();
    client.close();
    const end = Date.now() + 30_000;
    while ((await restored.etcdctl("lease", "list")).includes("0000000000000001")) {
      expect(Date.now(), "the lease runs out within 30 s").toBeLessThan(end);
      await delay(250);
    }
    const report = await prove(snapshot, restored, { level });
    expect(findings(report)).toEqual({ revision: "fail", leases: "fail" });
    expect(report.differences.details.map(({ key, difference }) => `${difference} ${key}`)).toEqual(
      ["changed /a", "changed /b", "missing /foreign", "changed /leased"],
    );
  });
});

it("does not take a revoked lease for the excuse of another missing key", async () => {
  const snapshot = await fixture("events");
  const dataDirectory = join(await temporaryDirectory(), "data");
  const first = await server({ snapshot: snapshot.file, dataDirectory });
  const [lease] = snapshot.leases.keys();
  await first.etcdctl("lease", "revoke", (lease ?? 0n).toString(16));
  await first.stop();
  const restored = await server({ dataDirectory });
  // Restored two days ago, as whoever did it says: it may have run out.
  const restoredAt = new Date(Date.now() - 2 * 86_400_000);
  expect(findings(await prove(snapshot, restored, { restoredAt }))).toEqual({
    revision: "explained",
    leases: "explained",
  });

  await restored.etcdctl("del", "compact_rev_key");
  const report = await prove(snapshot, restored, { restoredAt });
  expect(findings(report)).toEqual({ revision: "fail", leases: "fail" });
  expect(report.differences.details).toEqual([{ key: "compact_rev_key", difference: "missing" }]);
});

it("says that it cannot tell where the server was started again and nobody knows when it was restored", async () => {
  const source = await server();
  await write(source, [{ put: "/leased", value: "1", lease: 1 }], [1000]);
  const snapshot = await snapshotOf(source);
  const dataDirectory = join(await temporaryDirectory(), "data");
  const first = await server({ snapshot: snapshot.file, dataDirectory });
  await first.etcdctl("lease", "revoke", "1");
  await first.stop();
  const again = await server({ dataDirectory });
  const report = await prove(snapshot, again);
  expect(findings(report)).toEqual({ revision: "not-checked", leases: "not-checked" });
  expect(check(report, "leases").reason).toContain("the server was started again since");
  const long = await prove(snapshot, again, { restoredAt: new Date(Date.now() - 1_001_000) });
  expect(findings(long)).toEqual({ revision: "explained", leases: "explained" });
  const short = await prove(snapshot, again, { restoredAt: new Date(Date.now() - 900_000) });
  expect(findings(short)).toEqual({ revision: "fail", leases: "fail" });
});

it.each([
  [15, { uptime: 20, raftTerm: 2, oldestLease: 0 }, "yes"],
  [15, { uptime: 14, raftTerm: 2, oldestLease: 0 }, "yes"], // clocks tell whole seconds
  [100_000, { uptime: 20, raftTerm: 2, oldestLease: 20 }, "no"],
  [15, { uptime: 3, raftTerm: 3, oldestLease: 3 }, "unknown"],
  [15, { uptime: 3, raftTerm: 3, oldestLease: 3, sinceRestore: 9 }, "no"],
  [15, { uptime: 3, raftTerm: 2, oldestLease: 3, sinceRestore: 90 }, "no"], // one of the clocks is wrong
  [15, { uptime: 3, raftTerm: 3, oldestLease: 3, sinceRestore: -90 }, "unknown"],
  [15, { uptime: 3, raftTerm: 3, oldestLease: 3, sinceRestore: 90 }, "yes"],
  [15, { raftTerm: 2, oldestLease: 60 }, "yes"],
  [15, { raftTerm: 2, oldestLease: 0 }, "unknown"],
] as const)("of a lease of %i s and %o: %s", (ttl, clock, answer) => {
  expect(canHaveRunOut(ttl, clock)).toBe(answer);
});
