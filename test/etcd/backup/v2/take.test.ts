/** `backup --v2` out of the data directory of a real etcd: what the guide's command makes, and what it must not lose. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readManifest } from "../../../../etcd/backup/manifest";
import { manifestForm } from "../../../../etcd/backup/manifest-form";
import { takeV2, type TakeV2Request } from "../../../../etcd/backup/v2/take";
import { localSource } from "../../../../etcd/backup/v2/v2-source";
import { readRestorableV2 } from "../../../../etcd/backup/v2/restorable";
import { v2ManifestProblems } from "../../../../etcd/backup/v2/manifest";
import { createWorkspace } from "../../../support/kubernetes-fixtures";
import { startEtcdServer, type EtcdServer } from "../../../support/etcd-server";
import { startV2Server, v2Requests } from "../../../support/v2-store";

const workspace = createWorkspace();
const source = workspace.path("source");
let whileRunning: unknown;
let ofRunning = "";

beforeAll(async () => {
  const server = await startV2Server(source, 30);
  try {
    const store = v2Requests(server.url);
    for (let i = 0; i < 70; i++) await store.put(`/registry/pods/pod-${i}`, `${i}`);
    await store.put("/_hidden/key", "x");
    await store.put("/lasting", "x", { ttl: "3600" });
    for (let i = 0; i < 10; i++) await server.etcdctl("put", `/v3/${i}`, `value ${i}`);
    store.close();
    ofRunning = workspace.path("of-running");
    whileRunning = await take({ output: ofRunning }).catch((error: unknown) => error);
    await take({ output: ofRunning, withV3: false });
  } finally {
    await server.stop();
  }
});
afterAll(() => {
  workspace.remove();
});

function take(request: Partial<TakeV2Request>) {
  const { signal } = new AbortController();
  const output = workspace.path("unused");
  return takeV2({ source: localSource(source), output, tool: "test", signal, ...request });
}

/** Every file of a directory with its SHA-256. */
function filesOf(directory: string): Readonly<Record<string, string>> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => fs.statSync(join(directory, name)).isFile());
  const digest = (name: string) =>
    createHash("sha256")
      .update(fs.readFileSync(join(directory, name)))
      .digest("hex");
  return Object.fromEntries(files.map((name) => [name, digest(name)]));
}

async function read(backup: string) {
  const found = await readRestorableV2(backup, backup);
  if (found === undefined) throw new Error(`${backup} is no v2 backup`);
  found.close();
  return found;
}

describe("with v3 keys beside the v2 keys", () => {
  it("refuses to leave them out without a word, and leaves nothing behind", async () => {
    const before = filesOf(source);
    const output = workspace.path("refused");
    await expect(take({ output })).rejects.toThrow(
      /holds 10 keys of the v3 store too: --with-v3 takes them along, --without-v3 leaves them out/,
    );
    expect(
      fs.readdirSync(workspace.path(".")).filter((name) => name.startsWith("refused")),
    ).toEqual([]);
    expect(filesOf(source)).toEqual(before);
  });

  it("takes them along, into a directory and into a tar, and changes nothing of the source", async () => {
    const before = filesOf(source);
    for (const name of ["with-v3", "with-v3.tar"]) {
      const output = workspace.path(name);
      const { manifest } = await take({ output, withV3: true });
      expect(manifest.v2).toEqual({
        ...{ keys: 72, folders: 3, hidden: 1, withTtl: 1, v3Keys: 10 },
        index: (await read(source)).store.index,
      });
      const found = await read(output);
      expect(found.store.nodes).toEqual((await read(source)).store.nodes);
      expect([found.v3?.live.count, found.v3?.revision, found.laterV3Writes]).toEqual([10, 11, 0]);
      expect(readManifest(output)).toMatchObject(manifestForm().parse(manifest));
    }
    expect(filesOf(source)).toEqual(before);
  });

  it("leaves them out where that was asked for, and says how many", async () => {
    const output = workspace.path("without-v3");
    const { manifest, notes } = await take({ output, withV3: false });
    expect(manifest.v2).toMatchObject({ keys: 72, v3Keys: 0, v3KeysLeftOut: 10 });
    expect(notes).toEqual(["left out: 10 keys of the v3 store"]);
    const found = await read(output);
    expect(found.v3).toBeUndefined();
    expect(found.store.v3Writes).toEqual([]);
    expect(found.store.nodes).toEqual((await read(source)).store.nodes);
  });

  it("takes the v2 keys alone of an etcd that runs", async () => {
    expect(String(whileRunning)).toMatch(/an etcd runs on .*: stop it, or give --without-v3/);
    expect((await read(ofRunning)).store.nodes).toEqual((await read(source)).store.nodes);
  });
});

it("gives the member other ids, with which etcd starts, and serves the same keys at the same indexes", async () => {
  const output = workspace.path("served");
  const { manifest } = await take({ output, withV3: true });
  let server: EtcdServer | undefined;
  try {
    const flags = ["--enable-v2=true", "--force-new-cluster"];
    server = await startEtcdServer({ version: "3.5", dataDirectory: output, flags });
    const store = v2Requests(server.url);
    const served = (await store.read("/")).filter(({ value }) => value !== undefined);
    store.close();
    const kept = (await read(source)).store.nodes.filter(
      ({ name, value }) => value !== undefined && !name.startsWith("/_"),
    );
    expect(served.map(({ key, createdIndex }) => [key, createdIndex])).toEqual(
      kept.map(({ name, createdIndex }) => [name, createdIndex]),
    );
    const { header } = JSON.parse(await server.etcdctl("member", "list", "-w", "json")) as {
      readonly header: { readonly cluster_id: number };
    };
    // It passes 2^53, and the beginning is enough to tell two apart.
    const own = Number(BigInt(`0x${manifest.source.clusterId ?? "0"}`));
    expect(header.cluster_id.toPrecision(10)).not.toBe(own.toPrecision(10));
  } finally {
    await server?.stop();
  }
});

describe("the manifest", () => {
  it("is caught when any of it is altered, or another key has signed it", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const signKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const output = workspace.path("signed");
    await take({ output, withV3: true, signKey });
    const found = await readRestorableV2(output, output);
    const manifest = readManifest(output);
    if (found === undefined || manifest?.v2 === undefined) throw new Error("not written");
    expect(await v2ManifestProblems(manifest, found)).toEqual([]);
    const alter = async (change: object) => {
      const file = `${output}.json`;
      const text = fs.readFileSync(file, "utf8");
      fs.writeFileSync(file, JSON.stringify({ ...(JSON.parse(text) as object), ...change }));
      const altered = readManifest(output);
      fs.writeFileSync(file, text);
      if (altered === undefined) throw new Error("no manifest");
      return (await v2ManifestProblems(altered, found)).map(({ field }) => field);
    };
    expect(await alter({ sha256: "0".repeat(64) })).toEqual(["sha256", "signature"]);
    expect(await alter({ takenAt: "2020-01-01T00:00:00Z" })).toEqual(["signature"]);
    expect(await alter({ v2: { ...manifest.v2, keys: 71 } })).toEqual(["v2.keys", "signature"]);
    expect(await alter({ v2: undefined })).toContain("v2.index");
    const problems = await v2ManifestProblems(manifest, found, "ab".repeat(32));
    expect(problems.map(({ field }) => field)).toEqual(["signature"]);
    found.close();
  });
});

it("refuses what is no data directory, and a name that is taken", async () => {
  expect(() => localSource(workspace.path("."))).toThrow(/is no data directory of etcd/);
  const taken = take({ withV3: true, output: source });
  await expect(taken).rejects.toThrow(/is there already; name another/);
});
