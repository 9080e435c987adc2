/**
 * Stores that differ from the backup in one thing: each is found, and said where.
 *
 * What is written after a restore has later revisions, so that the backup's own revision stays exact. A store that is
 * wrong at that revision has another history of the same length: it is written beside the source, write by write.
 */
import { expect, it } from "vitest";

import type { Differences } from "../../../etcd/report/report";
import { reportJson } from "../../../etcd/report/json";
import { check, findings, fixture, prove, server, snapshotOf, write, type Write } from "./stores";

const TTLS = [3600, 7200];
/** Revisions that leave nothing behind: four writes of another history can take their place. */
const SPARE: readonly Write[] = [
  { put: "/tmp", value: "t" },
  { put: "/tmp", value: "t" },
  { put: "/tmp", value: "t" },
  { delete: "/tmp" },
];
const HISTORY: readonly Write[] = [
  { put: "/registry/pods/shop/web-0", value: "a" },
  { put: "/registry/pods/shop/web-1", value: "b" },
  { put: "/registry/secrets/shop/password", value: "hunter2" },
  { put: "/registry/events/shop/leased", value: "e", lease: 1 },
  { put: "/registry/configmaps/shop/moved", value: "m" },
  ...SPARE,
];

/** The history with some writes replaced. */
function otherwise(replace: Readonly<Record<number, Write>>): readonly Write[] {
  return HISTORY.map((each, i) => replace[i] ?? each);
}

const put = (key: string, value: string): Write => ({ put: key, value });

interface Case {
  readonly title: string;
  readonly history: readonly Write[];
  readonly differences: Omit<Differences, "keys">;
  /** Also without reading values. */
  readonly count?: true;
}

const CASES: readonly Case[] = [
  {
    title: "another value under the same revisions",
    history: otherwise({ 2: put("/registry/secrets/shop/password", "hunter3") }),
    differences: {
      total: 1,
      byPrefix: [{ prefix: "/registry/secrets/shop/", missing: 0, extra: 0, changed: 1 }],
      details: [
        { key: "/registry/secrets/shop/password", difference: "changed", fields: ["value"] },
      ],
    },
  },
  {
    title: "a value of another length",
    history: otherwise({ 0: put("/registry/pods/shop/web-0", "a much longer value than before") }),
    differences: {
      total: 1,
      byPrefix: [{ prefix: "/registry/pods/shop/", missing: 0, extra: 0, changed: 1 }],
      details: [{ key: "/registry/pods/shop/web-0", difference: "changed", fields: ["value"] }],
    },
  },
  {
    title: "a key that is missing",
    history: otherwise({ 1: put("/tmp", "t") }),
    count: true,
    differences: {
      total: 1,
      byPrefix: [{ prefix: "/registry/pods/shop/", missing: 1, extra: 0, changed: 0 }],
      details: [{ key: "/registry/pods/shop/web-1", difference: "missing" }],
    },
  },
  {
    title: "a key too many, after all others",
    history: otherwise({ 5: put("/zzz", "t") }),
    count: true,
    differences: {
      total: 1,
      byPrefix: [{ prefix: "", missing: 0, extra: 1, changed: 0 }],
      details: [{ key: "/zzz", difference: "extra" }],
    },
  },
  {
    title: "a key too many, before all others",
    history: otherwise({ 5: put("\u0001", "t") }),
    count: true,
    differences: {
      total: 1,
      byPrefix: [{ prefix: "", missing: 0, extra: 1, changed: 0 }],
      details: [{ key: "base64:AQ==", difference: "extra" }],
    },
  },
  {
    title: "the same value written once more",
    history: otherwise({ 5: put("/registry/configmaps/shop/moved", "m") }),
    differences: {
      total: 1,
      byPrefix: [{ prefix: "/registry/configmaps/shop/", missing: 0, extra: 0, changed: 1 }],
      details: [
        {
          key: "/registry/configmaps/shop/moved",
          difference: "changed",
          fields: ["modRevision", "version"],
        },
      ],
    },
  },
  {
    title: "a key on another lease",
    history: otherwise({ 3: { put: "/registry/events/shop/leased", value: "e", lease: 2 } }),
    differences: {
      total: 1,
      byPrefix: [{ prefix: "/registry/events/shop/", missing: 0, extra: 0, changed: 1 }],
      details: [{ key: "/registry/events/shop/leased", difference: "changed", fields: ["lease"] }],
    },
  },
  {
    title: "a key that lost its lease, and its value",
    history: otherwise({ 3: put("/registry/events/shop/leased", "E") }),
    differences: {
      total: 1,
      byPrefix: [{ prefix: "/registry/events/shop/", missing: 0, extra: 0, changed: 1 }],
      details: [
        { key: "/registry/events/shop/leased", difference: "changed", fields: ["lease", "value"] },
      ],
    },
  },
  {
    title: "one key in the place of another",
    history: otherwise({ 4: put("/registry/configmaps/shop/renamed", "m") }),
    differences: {
      total: 2,
      byPrefix: [{ prefix: "/registry/configmaps/shop/", missing: 1, extra: 1, changed: 0 }],
      details: [
        { key: "/registry/configmaps/shop/moved", difference: "missing" },
        { key: "/registry/configmaps/shop/renamed", difference: "extra" },
      ],
    },
  },
];

it.each(CASES)("finds $title, at every level", async ({ history, differences, count }) => {
  const [source, other] = await Promise.all([server(), server()]);
  await write(source, HISTORY, TTLS);
  await write(other, history, TTLS);
  const snapshot = await snapshotOf(source);
  expect(findings(await prove(snapshot, source))).toEqual({});

  for (const level of ["quick", "standard", "full"] as const) {
    const report = await prove(snapshot, other, { level });
    expect(findings(report)).toEqual({
      hashkv: "fail",
      "read-back": "fail",
      ...(count && { "key-count": "fail" }),
      // It asks for keys of the file: what is too many it does not meet.
      ...(level === "full" &&
        differences.details.some(({ difference }) => difference !== "extra") && {
          "second-reader": "fail",
        }),
    });
    expect(report.verdict).toBe("fail");
    expect(report.differences).toEqual({
      ...differences,
      keys: differences.details.map(({ key }) => key),
    });
    // Keys may be told, values never.
    expect(reportJson(report)).not.toMatch(/hunter/);
  }
});

it("locates by prefix what a store of somebody else has and lacks", async () => {
  const snapshot = await fixture("main");
  const other = await server();
  await write(other, [put("/other/a", "1"), put("/other/b", "2"), put("compact_rev_key", "3")]);
  const report = await prove(snapshot, other, { level: "quick" });
  expect(findings(report)).toMatchObject({
    hashkv: "fail",
    "key-count": "fail",
    "read-back": "fail",
    revision: "fail",
    "compact-revision": "fail",
    leases: "fail",
  });
  expect(check(report, "hashkv").found).toBe("ends at 4");
  expect(check(report, "revision")).toMatchObject({ expected: "482", found: "4" });
  const { total, byPrefix, keys } = report.differences;
  expect(total).toBe(337 + 2);
  expect(byPrefix).toContainEqual({ prefix: "/other/", missing: 0, extra: 2, changed: 0 });
  expect(byPrefix).toContainEqual({ prefix: "", missing: 0, extra: 0, changed: 1 });
  expect(byPrefix.length).toBeLessThanOrEqual(100);
  expect(keys).toHaveLength(100);
});

it("locates what was written after the restore, and still finds the backup's revision right", async () => {
  const snapshot = await fixture("encrypted");
  const restored = await server({ snapshot: snapshot.file });
  await write(restored, [
    put("/registry/pods/default/late", "x"),
    put("compact_rev_key", "0"),
    { delete: "/registry/namespaces/shop" },
  ]);
  for (const level of ["quick", "full"] as const) {
    const report = await prove(snapshot, restored, { level });
    expect(findings(report)).toMatchObject({ revision: "fail" });
    expect(report.verdict).toBe("fail");
    expect(check(report, "hashkv").verdict).toBe("pass");
    expect(check(report, "key-count").verdict).toBe("pass");
    if (level === "full") {
      expect(check(report, "read-back").verdict).toBe("pass");
    }
    expect(report.differences.details).toEqual([
      { key: "/registry/namespaces/shop", difference: "missing" },
      { key: "/registry/pods/default/late", difference: "extra" },
      { key: "compact_rev_key", difference: "changed", fields: ["modRevision", "version"] },
    ]);
  }
});

it("explains what was written since in a store that was in use, and finds what is wrong at the backup's revision", async () => {
  const source = await server();
  await write(source, HISTORY, TTLS);
  const snapshot = await snapshotOf(source);
  await write(source, [put("/late", "x")]);
  const report = await prove(snapshot, source, { inUse: true });
  expect(findings(report)).toEqual({ revision: "explained" });
  expect(report).toMatchObject({ verdict: "pass", differences: { total: 0 } });

  const other = await server();
  await write(other, otherwise({ 0: put("/registry/pods/shop/web-0", "z") }), TTLS);
  await write(other, [put("/late", "x")]);
  expect(findings(await prove(snapshot, other, { inUse: true }))).toMatchObject({
    hashkv: "fail",
    "read-back": "fail",
  });
});

it("says that it could not check what the server has compacted away", async () => {
  const snapshot = await fixture("encrypted");
  const restored = await server({ snapshot: snapshot.file });
  await write(restored, [put("/late", "x")]);
  await restored.etcdctl("compact", String(snapshot.revision + 1));
  const report = await prove(snapshot, restored, { expectedKeys: ["/registry/pods/"] });
  expect(findings(report)).toMatchObject({
    "compact-revision": "not-checked",
    hashkv: "not-checked",
    "key-count": "not-checked",
    "read-back": "not-checked",
    "expected-keys": "not-checked",
    revision: "fail",
  });
  expect(check(report, "read-back").reason).toContain("compacted past the backup's revision");
  expect(report.differences.keys).toContain("/late");
});

it("explains a compaction that leaves the backup's revision readable", async () => {
  const source = await server();
  await write(source, HISTORY, TTLS);
  const snapshot = await snapshotOf(source);
  const restored = await server({ snapshot: snapshot.file });
  await restored.etcdctl("compact", "4");
  const report = await prove(snapshot, restored);
  expect(findings(report)).toEqual({ "compact-revision": "explained" });
  expect(report.verdict).toBe("pass");
});

it("finds a lease, a user and a role that the backup does not hold, and an alarm", async () => {
  const source = await server();
  await write(source, HISTORY, TTLS);
  const snapshot = await snapshotOf(source);
  const restored = await server({
    snapshot: snapshot.file,
    flags: ["--quota-backend-bytes=100000"],
  });
  await restored.etcdctl("lease", "grant", "600");
  await restored.etcdctl("user", "add", "stranger:pw");
  await restored.etcdctl("role", "add", "anything");
  // A write over the quota raises the alarm.
  await restored.etcdctl("put", "/large", "x".repeat(100_000)).catch(() => undefined);
  const report = await prove(snapshot, restored);
  expect(findings(report)).toMatchObject({ leases: "fail", alarms: "fail", auth: "fail" });
  expect(check(report, "auth")).toMatchObject({
    expected: "off",
    found: "off, 1 user, 1 role",
    reason: "user stranger extra, role anything extra",
  });
  expect(check(report, "leases").reason).toMatch(/^1 lease not of the backup/);
  expect(check(report, "alarms")).toMatchObject({ expected: "none", found: "NOSPACE" });
});

it("wants the expected keys: one key, a prefix by its slash, a prefix by its star", async () => {
  const source = await server();
  await write(source, HISTORY, TTLS);
  const snapshot = await snapshotOf(source);
  const present = ["/registry/pods/", "/registry/pods/shop/web-0", "/registry/conf*", "*"];
  expect(findings(await prove(snapshot, source, { expectedKeys: present }))).toEqual({});

  const absent = ["/registry/pods", "/registry/nodes/", "/registry/pods/shop/web-9*"];
  const report = await prove(snapshot, source, { expectedKeys: [...present, ...absent] });
  expect(check(report, "expected-keys")).toMatchObject({
    verdict: "fail",
    expected: "all 7",
    found: "4 of 7",
  });
  for (const key of absent) {
    expect(check(report, "expected-keys").reason).toContain(`${key} (nor has the backup)`);
  }

  // A store that lacks what the backup has.
  const empty = await server();
  const bare = await prove(snapshot, empty, { expectedKeys: present });
  expect(check(bare, "expected-keys").reason).toContain("/registry/conf* (the backup has it)");
});
