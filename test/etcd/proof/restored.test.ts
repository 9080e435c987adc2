/** Real Kubernetes backups, restored by etcdutl and served by every minor version: all of it is found to be right. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import type { VerificationLevel } from "../../../etcd/report/report";
import { temporaryDirectory } from "../../support/temporary";
import { check, findings, fixture, openSnapshot, prove, server, snapshotOf, write } from "./stores";

const LEVELS: readonly VerificationLevel[] = ["quick", "standard", "full"];
/** The leases of a quarter of a minute may have run out on a slow machine; nothing else may differ. */
const LEASES = ["revision", "leases"];

describe.each(["3.5", "3.6", "3.7"])(
  "a backup of etcd 3.6 restored and served by etcd %s",
  (version) => {
    it.each(["main", "events", "encrypted"] as const)("passes at every level: %s", async (name) => {
      const snapshot = await fixture(name);
      const restored = await server({ version, snapshot: snapshot.file, tls: true });
      for (const level of LEVELS) {
        const report = await prove(snapshot, restored, { level });
        const found = findings(report);
        for (const id of LEASES) {
          expect([undefined, "explained"]).toContain(found[id]);
          Reflect.deleteProperty(found, id);
        }
        expect(found).toEqual(version === "3.6" ? {} : { "etcd-version": "explained" });
        expect(report.verdict).toBe("pass");
        expect(report.level).toBe(level);
        expect(report.differences).toEqual({ total: 0, byPrefix: [], keys: [], details: [] });
        expect(report.restored.hashKv).toBe(report.snapshot.hashKv);
        expect(report.restored.keys).toBe(snapshot.live.count);
        const ids = report.checks.map(({ id }) => id);
        expect(ids.includes("read-back")).toBe(level !== "quick");
      }
    });
  },
);

describe("stores of unusual shapes pass", () => {
  it.each(["3.5", "3.6", "3.7"])("without any key, on etcd %s", async (version) => {
    const source = await server({ version });
    const snapshot = await snapshotOf(source);
    const restored = await server({ version, snapshot: snapshot.file });
    for (const level of LEVELS) {
      const report = await prove(snapshot, restored, { level });
      expect(findings(report)).toEqual({});
      expect(report.snapshot.keys).toBe(0);
    }
  });

  it("with keys that are no text, empty values and a value as large as etcd takes", async () => {
    const source = await server();
    await write(source, [
      { put: Buffer.from([0]), value: "the first key there can be" },
      { put: Buffer.from([0, 0]), value: "" },
      { put: Buffer.from([0xff]), value: "high" },
      { put: Buffer.from([0xff, 0xff, 0xff]), value: Buffer.from([0, 255, 10]) },
      { put: Buffer.alloc(2000, 0xfe), value: "a long key" },
      { put: "/large", value: Buffer.alloc(1_500_000, "x") },
      { put: "/empty", value: "" },
      { put: "new\nline", value: "1" },
    ]);
    const snapshot = await snapshotOf(source);
    const restored = await server({ snapshot: snapshot.file });
    const report = await prove(snapshot, restored);
    expect(findings(report)).toEqual({});
    expect(check(report, "read-back").found).toBe("8 as in the file");
  });

  it.each(["3.5", "3.6", "3.7"])(
    "compacted up to the very revision of the backup, on etcd %s",
    async (version) => {
      const source = await server({ version });
      await write(source, [
        { put: "/a", value: "1" },
        { put: "/a", value: "2" },
        { put: "/b", value: "1" },
        { delete: "/b" },
        { put: "/a", value: "3" },
      ]);
      await source.etcdctl("compact", "6", "--physical");
      const snapshot = await snapshotOf(source);
      expect(snapshot.compactRevision).toBe(snapshot.revision);
      const restored = await server({ version, snapshot: snapshot.file });
      expect(findings(await prove(snapshot, restored))).toEqual({});

      // The source answers with the hash that it stored when it compacted, which no file can have.
      const report = await prove(snapshot, source);
      expect(findings(report)).toEqual({ hashkv: "not-checked" });
      expect(check(report, "hashkv").reason).toContain("stored before it compacted");
      expect(report.verdict).toBe("incomplete");
    },
  );
});

describe("the source itself", () => {
  it("is what its backup holds, by the manifest's numbers and by every key", async () => {
    const source = await server();
    await write(source, [
      { put: "/a", value: "1" },
      { put: "/b", value: "2" },
    ]);
    const snapshot = await snapshotOf(source);
    const { hash, compactRevision } = await source.hashKv(3);
    const manifest = {
      schemaVersion: 1 as const,
      takenAt: "2026-01-02T03:04:05+01:00",
      sha256: snapshot.sha256,
      bytes: snapshot.bytes,
      source: {
        revision: 3,
        compactRevision: Math.max(compactRevision, 0),
        hashKv: hash,
        hashKvRevision: 3,
      },
    };
    const report = await prove(snapshot, source, { manifest });
    expect(findings(report)).toEqual({});
    expect(check(report, "source-hashkv").found).toBe(String(hash));
    expect(report.source).toEqual({
      revision: 3,
      hashKv: hash,
      takenAt: "2026-01-02T02:04:05.000Z",
    });

    const wrong = { ...manifest, source: { ...manifest.source, hashKv: hash ^ 1 } };
    expect(findings(await prove(snapshot, source, { manifest: wrong }))).toEqual({
      "source-hashkv": "fail",
    });
    const otherFile = { ...manifest, sha256: "0".repeat(64) };
    expect(findings(await prove(snapshot, source, { manifest: otherFile }))).toEqual({
      sha256: "fail",
    });
  });
});

describe("a raw database, without the SHA-256 that etcd writes behind a snapshot", () => {
  it("leaves the verdict open, though all else is right, until a manifest vouches for its bytes", async () => {
    const source = await server();
    await write(source, [{ put: "/a", value: "1" }]);
    const whole = await snapshotOf(source);
    const file = join(await temporaryDirectory(), "raw.db");
    await writeFile(file, (await readFile(whole.file)).subarray(0, -32));
    const raw = await openSnapshot(file);

    const report = await prove(raw, source);
    expect(findings(report)).toEqual({ sha256: "not-checked" });
    expect(check(report, "sha256").reason).toContain("the file carries no SHA-256");
    expect(report.verdict).toBe("incomplete");

    const { revision, compactRevision } = raw;
    const hashed = { revision, compactRevision, hashKv: raw.hashKv(), hashKvRevision: revision };
    const manifest = {
      schemaVersion: 1 as const,
      takenAt: "2026-01-02T03:04:05Z",
      sha256: raw.sha256,
      bytes: raw.bytes,
      source: hashed,
    };
    const witnessed = await prove(raw, source, { manifest });
    expect(check(witnessed, "sha256")).toMatchObject({ verdict: "pass", source: "manifest" });
    expect(witnessed.verdict).toBe("pass");
  });
});
