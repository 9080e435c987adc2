/** Leases start anew at a restore and run out while people look at it: foretold, so no false alarm. */
import { setTimeout as delay } from "node:timers/promises";

import { expect, it } from "vitest";

import { check, findings, fixture, prove, server, write } from "./stores";

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

it("does not take a revoked lease for the excuse of another missing key", async () => {
  const snapshot = await fixture("events");
  const restored = await server({ snapshot: snapshot.file });
  const [lease] = snapshot.leases.keys();
  await restored.etcdctl("lease", "revoke", (lease ?? 0n).toString(16));
  expect(findings(await prove(snapshot, restored))).toEqual({
    revision: "explained",
    leases: "explained",
  });

  await restored.etcdctl("del", "compact_rev_key");
  const report = await prove(snapshot, restored);
  expect(findings(report)).toEqual({ revision: "fail", leases: "fail" });
  expect(report.differences.details).toEqual([{ key: "compact_rev_key", difference: "missing" }]);
});
