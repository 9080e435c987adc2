import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { manifestOf } from "../../../../etcd/backup/manifest-beside";
import { readBackup } from "../../../../etcd/backup/read-backup";
import { hashPairOf } from "../../../../etcd/backup/manifest";
import { keySha256Of } from "../../../../etcd/backup/seal";
import { takeBackup } from "../../../../etcd/backup/take/take-backup";
import { openMember } from "../../../../etcd/client/member-client";
import type { EtcdServer } from "../../../support/etcd-server";
import { temporaryDirectory } from "../../../support/temporary";
import { server, write } from "../../proof/stores";

/** A client of a server, for the running test. */
function member({ endpoint }: Pick<EtcdServer, "endpoint">) {
  const client = openMember(endpoint);
  onTestFinished(() => {
    client.close();
  });
  return client;
}

/** A backup that was read, for the running test. */
async function opened(file: string) {
  const read = await readBackup(file);
  onTestFinished(() => {
    read.snapshot.close();
  });
  return read;
}

describe("a backup", () => {
  it.each(["3.5", "3.6", "3.7"])(
    "out of etcd %s over mTLS is what its manifest says",
    async (version) => {
      const source = await server({ version, tls: true });
      await source.etcdctl("put", "/registry/a", "1");
      await source.etcdctl("put", "/registry/a", "2");
      await source.etcdctl("compact", "2");
      const file = join(await temporaryDirectory(), "backup.db");
      const from = { endpoint: source.url, memberName: "test" };

      const taken = await takeBackup({ source: member(source), from, file });

      const { snapshot, backup } = await readBackup(file);
      onTestFinished(() => {
        snapshot.close();
      });
      const manifest = manifestOf(backup);
      expect(manifest).toEqual({ ...taken.manifest, seal: undefined });
      expect(manifest).toMatchObject({ sha256: snapshot.sha256, bytes: snapshot.bytes });
      expect(snapshot).toMatchObject({ trailer: "matches", revision: 3, compactRevision: 2 });
      const status = JSON.parse(await source.etcdctl("endpoint", "status", "-w", "json")) as object;
      expect(manifest?.source.etcdVersion).toMatch(new RegExp(`^${version}\\.`));
      expect(BigInt(`0x${manifest?.source.clusterId ?? ""}`).toString()).not.toBe("0");
      expect(JSON.stringify(status)).toContain("cluster_id");
      const pair = manifest && hashPairOf(manifest);
      expect(pair).toMatchObject({ revision: 3, compactRevision: 2 });
      expect(snapshot.hashKv(3, 2)).toBe(pair?.hash);
    },
  );

  it.each([".gz", ".zst"])(
    "with the name …%s is packed, and read by what reads such files",
    async (end) => {
      const source = await server();
      await write(source, [{ put: "/a", value: "1" }]);
      const file = join(await temporaryDirectory(), `backup.db${end}`);

      const { manifest } = await takeBackup({ source: member(source), from: {}, file });

      const { snapshot, backup } = await readBackup(file);
      onTestFinished(() => {
        snapshot.close();
      });
      expect(snapshot.sha256).toBe(manifest.sha256);
      expect(backup.container?.sha256).toBe(manifest.packed?.sha256);
      expect(manifestOf(backup)?.sha256).toBe(snapshot.sha256);
    },
  );

  it("is signed where there is a key, over everything that stands in its manifest", async () => {
    const source = await server();
    const file = join(await temporaryDirectory(), "backup.db");
    const { privateKey } = generateKeyPairSync("ed25519");
    const signKey = privateKey.export({ format: "pem", type: "pkcs8" }).toString();

    await takeBackup({ source: member(source), from: {}, file, signKey });

    const { backup } = await opened(file);
    expect(manifestOf(backup)?.seal).toEqual({ intact: true, keySha256: keySha256Of(signKey) });
  });

  it("does not take the place of another one, unless that is wished for", async () => {
    const source = await server();
    const directory = await temporaryDirectory();
    const file = join(directory, "backup.db");
    writeFileSync(file, "another");
    const request = { source: member(source), from: {}, file };

    await expect(takeBackup(request)).rejects.toThrow(/backup\.db is there already.*--overwrite/);
    expect(readFileSync(file, "utf8")).toBe("another");
    await takeBackup({ ...request, overwrite: true });
    expect(readdirSync(directory)).toEqual(["backup.db", "backup.db.json"]);
    expect(readFileSync(file).length).toBeGreaterThan(4096);
  });

  it("that is interrupted leaves nothing behind", async () => {
    const source = await server();
    const directory = await temporaryDirectory();
    const interrupt = new AbortController();
    const client = openMember(source.endpoint, interrupt.signal);
    const request = {
      source: client,
      from: {},
      file: join(directory, "backup.db"),
      signal: interrupt.signal,
      onProgress: () => {
        interrupt.abort(new Error("interrupted"));
      },
    };
    await expect(takeBackup(request)).rejects.toThrow("interrupted");
    expect(readdirSync(directory)).toEqual([]);
    expect(existsSync(request.file)).toBe(false);
  });
});
