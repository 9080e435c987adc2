/** A store that a real kube-apiserver encrypted by kms v1, kms v2 and aesgcm, and what can be wrong with its keys. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseEncryptionConfig } from "../../../etcd/encryption/parse-configuration";
import { examineEncryption } from "../../../etcd/encryption/examine";
import { encryptionCheck } from "../../../etcd/proof/use-checks";
import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import { storeOf } from "../../support/encrypted-values";
import { startKmsPlugin, type KmsBehaviour, type KmsPlugin } from "../../support/kms-plugin";
import { createWorkspace, readKmsFixture, snapshotBytes } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
const plugins: KmsPlugin[] = [];
let store: Snapshot;
beforeAll(async () => {
  const name = "kubernetes-1.35-kms.db";
  store = await readSnapshot(workspace.write(name, snapshotBytes(name)));
});
afterAll(async () => {
  await Promise.all(plugins.map((plugin) => plugin.stop()));
  store.close();
  workspace.remove();
});

/** A plugin with the KMS of the fixture, or with one that behaves otherwise; and the configuration that names it. */
async function served(behaviour: Partial<KmsBehaviour> = {}, timeout = "3s") {
  const socket = workspace.path(`kms-${plugins.length}.sock`);
  const { configuration, kms } = readKmsFixture(socket);
  const plugin = await startKmsPlugin(socket, { kms, ...behaviour });
  plugins.push(plugin);
  const text = configuration.replaceAll('"timeout": "3s"', `"timeout": "${timeout}"`);
  return { plugin, text };
}

const examine = (text: string, live: Parameters<typeof examineEncryption>[0] = store.live) =>
  examineEncryption(live, parseEncryptionConfig(text));

/** The encrypted keys of the store, by the provider and the key that their values name. */
function keysBy(header: string): readonly string[] {
  return Array.from({ length: store.live.count }, (_, i) => i)
    .filter((i) => store.live.value(i).toString("latin1").startsWith(`k8s:enc:${header}:`))
    .map((i) => store.live.key(i).toString());
}

/** The store with some values in another's place. */
function withValues(changed: Readonly<Record<string, string>>) {
  const valueOf = (key: string) => store.live.value(store.live.indexOf(Buffer.from(key)));
  return storeOf(
    Array.from({ length: store.live.count }, (_, i) => {
      const key = store.live.key(i).toString("latin1");
      return [key, valueOf(changed[key] ?? key)] as const;
    }).filter(([key]) => key.startsWith("/registry/")),
  );
}

const KMS_HEADERS = ["kms:v1:old-vault", "kms:v2:vault", "kms:v2:widgets-vault"];

describe("a store that a real API server encrypted", () => {
  it("opens to its last value, and tells which key wrote how many; the plugin is asked once a key", async () => {
    const { plugin, text } = await served();
    const findings = await examine(text);
    expect(findings).toMatchObject({ encrypted: 23, opened: 23, impossible: [], plain: [] });
    const told = findings.readers.map(({ provider, version, keyName, values, stale }) => {
      return [`${provider} ${version} ${keyName}`, values, stale];
    });
    expect(told).toEqual([
      ["kms v2 vault", 4, 0],
      ["kms v1 old-vault", 4, 4],
      ["aesgcm v1 key2", 4, 0],
      ["aesgcm v1 key1", 5, 5],
      ["kms v2 widgets-vault", 6, 0],
    ]);
    expect(encryptionCheck(findings)).toMatchObject({ verdict: "pass" });
    // Of v1 each value has a key of its own; of v2 one API server has one for all that it writes.
    expect(plugin.asked.get("Decrypt")).toBe(4 + 1 + 1);
    expect(findings.pluginCalls).toBe(6);
  });

  it.each([
    ["another KMS", { kms: { keyId: "fixture-2026", key: randomBytes(32) } }, "refused"],
    ["a plugin that gives wrong keys", { lies: true }, "not-opened"],
  ] as const)(
    "fails with %s, each of its values named and no other",
    async (_, behaviour, failure) => {
      const { text } = await served(behaviour);
      const findings = await examine(text);
      const wrong = KMS_HEADERS.flatMap(keysBy).sort();
      expect(wrong).toHaveLength(14);
      expect(findings.impossible.map(({ key }) => key)).toEqual(wrong);
      expect(new Set(findings.impossible.map((each) => each.failure))).toEqual(new Set([failure]));
      expect(encryptionCheck(findings)).toMatchObject({ verdict: "fail" });
    },
  );

  it("is left open where the plugin is absent, or slower than its timeout", async () => {
    const absent = readKmsFixture("/nowhere/kms.sock").configuration;
    const { text: slow } = await served({ slowByMs: 3000 }, "150ms");
    for (const [text, words] of [
      [absent, "does not answer at unix:///nowhere/kms.sock"],
      [slow, "did not answer within 150 ms"],
    ] as const) {
      const findings = await examine(text);
      expect(findings.impossible.map(({ failure }) => failure)).toEqual(
        Array(14).fill("not-asked"),
      );
      const check = encryptionCheck(findings);
      expect(check).toMatchObject({ verdict: "not-checked" });
      expect(check.reason).toContain(words);
    }
  });

  it("fails with another key of aesgcm, and without the key of before the rotation", async () => {
    const { text } = await served();
    const key2 = /"name": "key2",\s+"secret": "([^"]+)"/.exec(text)?.[1] ?? "";
    const wrong = await examine(text.replace(key2, randomBytes(32).toString("base64")));
    expect(wrong.impossible.map(({ key, failure }) => `${key} ${failure}`)).toEqual(
      keysBy("aesgcm:v1:key2").map((key) => `${key} not-opened`),
    );
    const lost = await examine(text.replace('"name": "key1"', '"name": "key0"'));
    expect(lost.impossible.map(({ key, failure }) => `${key} ${failure}`)).toEqual(
      keysBy("aesgcm:v1:key1").map((key) => `${key} no-key`),
    );
    expect(encryptionCheck(lost).reason).toContain("the configuration has no such key");
  });

  it.each(["aesgcm:v1:key2", ...KMS_HEADERS])(
    "names a value of %s that lies at another's place, and the two of a swap",
    async (header) => {
      const { text } = await served();
      const [one = "", other = ""] = keysBy(header);
      const moved = await examine(text, withValues({ [one]: other }));
      expect(moved.impossible).toMatchObject([{ key: one, failure: "not-opened" }]);
      const swapped = await examine(text, withValues({ [one]: other, [other]: one }));
      expect(swapped.impossible.map(({ key }) => key)).toEqual([one, other]);
      expect(encryptionCheck(swapped).reason).toContain(one);
    },
  );
});
