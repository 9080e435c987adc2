import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEncryptionConfig } from "../../../etcd/encryption/parse-configuration";
import { examineEncryption } from "../../../etcd/encryption/examine";
import { encryptionNotes, encryptionReasons } from "../../../etcd/encryption/findings";
import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import {
  sealBox,
  sealCbc,
  sealGcm,
  sealKmsV1,
  sealKmsV2,
  secretObject,
  sodiumReady,
  storeOf,
  wrapKey,
  type Kms,
} from "../../support/encrypted-values";
import { startKmsPlugin, type KmsBehaviour, type KmsPlugin } from "../../support/kms-plugin";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
const plugins: KmsPlugin[] = [];
afterAll(async () => {
  await Promise.all(plugins.map((plugin) => plugin.stop()));
  workspace.remove();
});
beforeAll(() => sodiumReady);

const FIXTURE = "kubernetes-1.35-encrypted";
const CONFIG = join(__dirname, "../../fixtures", `${FIXTURE}.encryption-config.json`);

const KEY = randomBytes(32);
const OTHER = randomBytes(32);
const at = (name: string, namespace = "shop") => `/registry/secrets/${namespace}/${name}`;
const keyOf = (name: string, secret = KEY) => ({
  keys: [{ name, secret: secret.toString("base64") }],
});
const configured = (...providers: readonly object[]) => forResources(["secrets"], ...providers);
const forResources = (resources: readonly string[], ...providers: readonly object[]) =>
  parseEncryptionConfig(
    JSON.stringify({
      ...{ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1" },
      resources: [{ resources, providers }],
    }),
  );

describe("the store of a real API server", () => {
  it("opens to its last value, in this thread and in others, and tells which key wrote how many", async () => {
    const file = workspace.write("encrypted.db", snapshotBytes(`${FIXTURE}.db`));
    const snapshot = await readSnapshot(file);
    const configuration = parseEncryptionConfig(readFileSync(CONFIG, "utf8"));
    for (const threadsFrom of [Infinity, 1]) {
      const findings = await examineEncryption(snapshot.live, configuration, { threadsFrom });
      expect(findings).toMatchObject({ encrypted: 8, opened: 8, stale: 4, impossible: [] });
      expect(
        findings.readers.map(({ provider, keyName, values, stale }) => [
          provider,
          keyName,
          values,
          stale,
        ]),
      ).toEqual([
        ["secretbox", "key2", 4, 0],
        ["aescbc", "key1", 4, 4],
      ]);
      expect(encryptionReasons(findings)).toEqual([]);
    }
    snapshot.close();
  });
});

describe("a value that cannot be what its key names", () => {
  const plain = secretObject("shop", "a");
  it.each([
    [
      "aescbc",
      { aescbc: keyOf("k") },
      (name: string) => sealCbc("k", KEY, secretObject("shop", name)),
    ],
    [
      "aesgcm",
      { aesgcm: keyOf("k") },
      (name: string) => sealGcm("k", KEY, secretObject("shop", name), at(name)),
    ],
    [
      "secretbox",
      { secretbox: keyOf("k") },
      (name: string) => sealBox("k", KEY, secretObject("shop", name)),
    ],
  ])("is named when two values of %s have changed places", async (_, provider, seal) => {
    const good = await examineEncryption(
      storeOf([
        [at("a"), seal("a")],
        [at("b"), seal("b")],
      ]),
      configured(provider),
    );
    expect([good.opened, good.impossible]).toEqual([2, []]);
    const swapped = await examineEncryption(
      storeOf([
        [at("a"), seal("b")],
        [at("b"), seal("a")],
        [at("c"), seal("c")],
      ]),
      configured(provider),
    );
    expect(swapped.opened).toBe(1);
    expect(swapped.impossible.map(({ key }) => key)).toEqual([at("a"), at("b")]);
  });

  it.each([
    ["of another namespace", secretObject("other", "a")],
    [
      "of another kind",
      Buffer.from(
        JSON.stringify({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: "a", namespace: "shop" },
        }),
      ),
    ],
    [
      "of another group",
      Buffer.from(
        JSON.stringify({
          apiVersion: "x.example/v1",
          kind: "Secret",
          metadata: { name: "a", namespace: "shop" },
        }),
      ),
    ],
    ["cut off", plain.subarray(0, -9)],
    ["no object", Buffer.from("k8s\0nothing")],
    [
      "JSON that is broken",
      Buffer.from('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"shop"'),
    ],
    ["empty", Buffer.alloc(0)],
  ])("is named when what comes out is %s", async (_, content) => {
    for (const value of [sealGcm("k", KEY, content, at("a")), sealCbc("k", KEY, content)]) {
      const findings = await examineEncryption(
        storeOf([[at("a"), value]]),
        configured({ aesgcm: keyOf("k") }, { aescbc: keyOf("k") }),
      );
      expect(findings.impossible).toMatchObject([{ key: at("a"), failure: "not-its-object" }]);
    }
  });

  it("is named after a bit was turned round in it, wherever: but for the data of a Secret, which nothing protects in aescbc", async () => {
    for (const [provider, seal] of [
      [{ aesgcm: keyOf("k") }, () => sealGcm("k", KEY, plain, at("a"))],
      [{ secretbox: keyOf("k") }, () => sealBox("k", KEY, plain)],
    ] as const) {
      const value = seal();
      for (let byte = 0; byte < value.length; byte += 3) {
        const damaged = Buffer.from(value);
        damaged[byte] = (damaged[byte] ?? 0) ^ 4;
        const findings = await examineEncryption(
          storeOf([[at("a"), damaged]]),
          configured(provider),
        );
        expect([byte, findings.opened]).toEqual([byte, 0]);
      }
    }
    const value = sealCbc("k", KEY, plain);
    const header = "k8s:enc:aescbc:v1:k:".length;
    // The vector and the block that it decides: magic, type.
    for (let byte = header; byte < header + 16; byte++) {
      const damaged = Buffer.from(value);
      damaged[byte] = (damaged[byte] ?? 0) ^ 4;
      const findings = await examineEncryption(
        storeOf([[at("a"), damaged]]),
        configured({ aescbc: keyOf("k") }),
      );
      expect([byte, findings.opened]).toEqual([byte, 0]);
    }
  });
});

describe("a wrong key", () => {
  it("opens none of 20,000 values of aescbc, though one in 256 has a good padding, and each is named", async () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `s${String(i).padStart(5, "0")}`);
    const entries = names.map(
      (name) => [at(name), sealCbc("k", OTHER, secretObject("shop", name, "x"))] as const,
    );
    const findings = await examineEncryption(storeOf(entries), configured({ aescbc: keyOf("k") }));
    expect([findings.encrypted, findings.opened]).toEqual([20_000, 0]);
    expect(findings.impossible.map(({ key }) => key)).toEqual(names.map((name) => at(name)));
    // Both ends are there: most do not open, some do and hold nothing.
    const failures = findings.impossible.map(({ failure }) => failure);
    expect(new Set(failures)).toEqual(new Set(["not-opened", "not-its-object"]));
  }, 120_000);

  it("is told from a key that nobody has, and both name who wrote the value", async () => {
    const store = storeOf([
      [at("a"), sealBox("lost", OTHER, secretObject("shop", "a"))],
      [at("b"), sealBox("k", OTHER, secretObject("shop", "b"))],
    ]);
    const findings = await examineEncryption(store, configured({ secretbox: keyOf("k") }));
    expect(findings.impossible).toEqual([
      { key: at("a"), failure: "no-key", provider: "secretbox", keyName: "lost" },
      { key: at("b"), failure: "not-opened", provider: "secretbox", keyName: "k" },
    ]);
    expect(encryptionReasons(findings).join("\n")).toContain("no such key: secretbox 'lost'");
    expect(encryptionNotes(findings)).toEqual([
      "opens nothing in this backup: secretbox 'k' (resources[0].providers[0])",
    ]);
  });

  it("is passed over where a later one of the same name is the right one; then the value is stale", async () => {
    const store = storeOf([[at("a"), sealCbc("k", KEY, secretObject("shop", "a"))]]);
    const findings = await examineEncryption(
      store,
      configured({ aescbc: keyOf("k", OTHER) }, { aescbc: keyOf("k", KEY) }),
    );
    expect(findings).toMatchObject({ opened: 1, stale: 1 });
    expect(findings.readers.map(({ values }) => values)).toEqual([0, 1]);
  });

  it("of another resource's entry does not help: an API server would not try it", async () => {
    const store = storeOf([[at("a"), sealBox("k", KEY, secretObject("shop", "a"))]]);
    const findings = await examineEncryption(
      store,
      forResources(["configmaps"], { secretbox: keyOf("k") }),
    );
    expect(findings.impossible).toMatchObject([{ key: at("a"), failure: "no-provider" }]);
  });
});

describe("an object in plain", () => {
  const store = storeOf([
    [at("a"), secretObject("shop", "a")],
    ["compact_rev_key", Buffer.from("12")],
  ]);
  it("is told of where it would be encrypted now", async () => {
    const findings = await examineEncryption(
      store,
      configured({ secretbox: keyOf("k") }, { identity: {} }),
    );
    expect(findings).toMatchObject({
      impossible: [],
      plain: [{ resource: "secrets", objects: 1 }],
    });
  });
  it("is as it is meant where identity writes", async () => {
    const findings = await examineEncryption(
      store,
      configured({ identity: {} }, { secretbox: keyOf("k") }),
    );
    expect(findings).toMatchObject({ impossible: [], plain: [] });
  });
  it("cannot be read where identity is not among its providers", async () => {
    const findings = await examineEncryption(store, configured({ secretbox: keyOf("k") }));
    expect(findings.impossible).toEqual([{ key: at("a"), failure: "plain" }]);
  });
});

describe("a KMS plugin", () => {
  const kms: Kms = { keyId: "key-2026", key: randomBytes(32) };
  const seed = randomBytes(32);
  const wrapped = wrapKey(kms, seed);
  const v2 = (name: string, type: 0 | 1 = 1) =>
    sealKmsV2("vault", kms, {
      plain: secretObject("shop", name),
      etcdKey: at(name),
      seed,
      wrapped,
      type,
    });
  let sockets = 0;
  async function plugin(behaviour: Partial<KmsBehaviour> = {}) {
    sockets += 1;
    const started = await startKmsPlugin(workspace.path(`kms-${sockets}.sock`), {
      kms,
      ...behaviour,
    });
    plugins.push(started);
    return started;
  }
  const provider = (endpoint: string, apiVersion = "v2", timeout = "3s") => ({
    kms: { apiVersion, name: "vault", endpoint, timeout },
  });

  it("is asked once for a seed that 300 values share, and for a key of its own each time", async () => {
    const names = Array.from({ length: 300 }, (_, i) => `s${i}`);
    const running = await plugin();
    const store = storeOf(names.map((name) => [at(name), v2(name)]));
    const findings = await examineEncryption(store, configured(provider(running.endpoint)));
    expect(findings).toMatchObject({ opened: 300, stale: 0, pluginCalls: 1, pluginProblems: [] });
    expect(Object.fromEntries(running.asked)).toEqual({ Decrypt: 1, Status: 1 });
    const single = storeOf(names.slice(0, 5).map((name) => [at(name), v2(name, 0)]));
    expect((await examineEncryption(single, configured(provider(running.endpoint)))).opened).toBe(
      5,
    );
  });

  it("of the first version opens values of GCM, and of CBC as older Kubernetes wrote them", async () => {
    const running = await plugin();
    const store = storeOf([
      [at("a"), sealKmsV1("vault", kms, secretObject("shop", "a"), at("a"))],
      [at("b"), sealKmsV1("vault", kms, secretObject("shop", "b"), at("b"), "cbc")],
    ]);
    const findings = await examineEncryption(store, configured(provider(running.endpoint, "v1")));
    expect(findings).toMatchObject({ opened: 2, pluginCalls: 2 });
  });

  it("that has another current key makes what the former one wrote stale", async () => {
    const running = await plugin({ currentKeyId: "key-2027" });
    const findings = await examineEncryption(
      storeOf([[at("a"), v2("a")]]),
      configured(provider(running.endpoint)),
    );
    expect(findings).toMatchObject({ opened: 1, stale: 1 });
  });

  it("that is absent or slow leaves it open, is asked once, and is named", async () => {
    const store = storeOf(
      ["a", "b", "c"].map((name) => [
        at(name),
        sealKmsV1("vault", kms, secretObject("shop", name), at(name)),
      ]),
    );
    const absent = await examineEncryption(
      store,
      configured(provider("unix:///nowhere/kms.sock", "v1")),
    );
    expect(absent.impossible.map(({ failure }) => failure)).toEqual([
      "not-asked",
      "not-asked",
      "not-asked",
    ]);
    expect(encryptionReasons(absent)).toEqual([
      "whether 3 values can be read is not known: kms v1 plugin 'vault' does not answer at unix:///nowhere/kms.sock",
    ]);
    const slow = await plugin({ slowByMs: 5000 });
    const late = await examineEncryption(store, configured(provider(slow.endpoint, "v1", "200ms")));
    expect(late.impossible.map(({ failure }) => failure)).toEqual([
      "not-asked",
      "not-asked",
      "not-asked",
    ]);
    expect(late.pluginProblems.join()).toContain("did not answer within 200 ms");
  });

  it("that is another, or gives a wrong key, opens nothing", async () => {
    const store = storeOf([[at("a"), v2("a")]]);
    const other = await plugin({ kms: { keyId: "key-2026", key: randomBytes(32) } });
    const refused = await examineEncryption(store, configured(provider(other.endpoint)));
    expect(refused.impossible).toMatchObject([{ key: at("a"), failure: "refused" }]);
    expect(refused.pluginProblems.join()).toContain("INVALID_ARGUMENT");
    const liar = await plugin({ lies: true });
    const wrong = await examineEncryption(store, configured(provider(liar.endpoint)));
    expect(wrong.impossible).toMatchObject([{ key: at("a"), failure: "not-opened" }]);
  });
});
