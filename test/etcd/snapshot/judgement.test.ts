/** Which etcd serves what: the versions that a file may name, also those that no etcd of this machine would write. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  compareVersions,
  etcdVersionOf,
  minorToServe,
  reasonsAgainstRestore,
  SERVABLE_MINORS,
} from "../../../etcd/snapshot/judgement";
import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import { buildDatabase, etcdBuckets } from "../../support/bbolt-builder";
import { createWorkspace } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

/** The two versions that a file may name. */
type Named = Pick<Snapshot, "clusterVersion" | "storageVersion">;

interface Case {
  readonly title: string;
  readonly file: Named;
  readonly wrote: string;
  readonly restoreWith: string;
}

const CASES: readonly Case[] = [
  { title: "no version, of a young or old etcd", file: {}, wrote: "unknown", restoreWith: "3.5" },
  {
    title: "what is no version",
    file: { clusterVersion: "x", storageVersion: "" },
    wrote: "unknown",
    restoreWith: "3.5",
  },
  {
    title: "3.3, older than any that can be had",
    file: { clusterVersion: "3.3.0" },
    wrote: "3.3.0",
    restoreWith: "3.5",
  },
  { title: "3.4", file: { clusterVersion: "3.4.0" }, wrote: "3.4.0", restoreWith: "3.5" },
  { title: "3.5", file: { clusterVersion: "3.5.0" }, wrote: "3.5.0", restoreWith: "3.5" },
  {
    title: "a cluster of 3.6 before its first WAL snapshot, which writes the storage version",
    file: { clusterVersion: "3.6.0" },
    wrote: "3.6.0",
    restoreWith: "3.6",
  },
  {
    title: "3.6",
    file: { clusterVersion: "3.6.0", storageVersion: "3.6.0" },
    wrote: "3.6.0",
    restoreWith: "3.6",
  },
  {
    title: "a storage version above the cluster version: a 3.5 could not read its form",
    file: { clusterVersion: "3.5.0", storageVersion: "3.6.0" },
    wrote: "3.6.0",
    restoreWith: "3.6",
  },
  {
    title: "a cluster version above the storage version, in the midst of an upgrade",
    file: { clusterVersion: "3.7.0", storageVersion: "3.6.0" },
    wrote: "3.7.0",
    restoreWith: "3.7",
  },
  {
    title: "a storage version alone",
    file: { storageVersion: "3.7.0" },
    wrote: "3.7.0",
    restoreWith: "3.7",
  },
];

describe.each(CASES)("a file that names $title", ({ file, wrote, restoreWith }) => {
  it(`is taken for one of etcd ${wrote} and restored with ${restoreWith}`, () => {
    expect(etcdVersionOf(file)).toBe(wrote);
    expect(minorToServe(wrote)).toBe(restoreWith);
    expect(SERVABLE_MINORS).toContain(restoreWith);
  });
});

describe("versions", () => {
  it("are compared by number, not by letter, and without a patch as with 0", () => {
    expect(compareVersions("3.10", "3.9")).toBeGreaterThan(0);
    expect(compareVersions("3.6.9", "3.6.16")).toBeLessThan(0);
    expect(compareVersions("4.0.0", "3.7.5")).toBeGreaterThan(0);
    expect(compareVersions("3.6", "3.6.0")).toBe(0);
    expect(compareVersions("3.6.1", "3.6")).toBeGreaterThan(0);
  });

  it("above the newest that can be had are never brought down to it", () => {
    expect(["3.8.0", "3.10.0", "4.0.0"].map(minorToServe)).toEqual(["3.8", "3.10", "4.0"]);
  });

  it("lose their patch: the setting 3.6.16 will do for what 3.6 wrote, and will not for what 3.7 wrote", () => {
    expect(minorToServe("3.6.21")).toBe("3.6");
    expect(compareVersions("3.6.16", minorToServe("3.6.0"))).toBeGreaterThanOrEqual(0);
    expect(compareVersions("3.6.16", minorToServe("3.7.0"))).toBeLessThan(0);
  });
});

describe("what speaks against a restore", () => {
  let nameless: Snapshot;
  beforeAll(async () => {
    const { bytes } = buildDatabase({ buckets: etcdBuckets([], { cluster: [] }) });
    nameless = await readSnapshot(workspace.write("nameless.db", bytes));
    return () => {
      nameless.close();
    };
  });

  it.each(CASES)("is nothing for $title", ({ file }) => {
    expect(reasonsAgainstRestore({ ...nameless, ...file })).toEqual([]);
  });

  it.each<Named & { readonly says: string }>([
    { clusterVersion: "3.8.0", says: "3.8.0" },
    { clusterVersion: "3.7.0", storageVersion: "3.8.0", says: "3.8.0" },
    { clusterVersion: "3.10.0", storageVersion: "3.7.0", says: "3.10.0" },
    { clusterVersion: "4.0.0", says: "4.0.0" },
  ])("is a form newer than any etcd that we know: $clusterVersion, $storageVersion", (named) => {
    const { says, ...file } = named;
    expect(reasonsAgainstRestore({ ...nameless, ...file })).toEqual([
      `etcd ${says} wrote it; this version of etcd-restore knows etcd up to 3.7`,
    ]);
  });

  it("is told at once, the damage before the version", () => {
    const reasons = reasonsAgainstRestore({
      ...nameless,
      clusterVersion: "3.9.0",
      trailer: "differs",
      trailerSha256: "5a1d",
    });
    expect(reasons).toEqual([
      expect.stringContaining(
        `the sha256 at its end says 5a1d, the content has ${nameless.contentSha256}`,
      ),
      expect.stringContaining("etcd 3.9.0 wrote it"),
    ]);
  });
});
