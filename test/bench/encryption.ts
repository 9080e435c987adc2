/**
 * How many encrypted values are opened in a second, by provider, in one thread and in several:
 *
 *     node --require ./engine/typescript.cjs test/bench/encryption.ts [VALUES] [PROVIDER]
 *
 * Prints wall-clock rates, and the processor time of a value, which another program on the machine changes less.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEncryptionConfig } from "../../etcd/encryption/configuration";
import { examineEncryption } from "../../etcd/encryption/examine";
import {
  sealBox,
  sealCbc,
  sealGcm,
  sealKmsV2,
  secretObject,
  sodiumReady,
  storeOf,
  wrapKey,
  type Kms,
} from "../support/encrypted-values";
import { startKmsPlugin } from "../support/kms-plugin";

const DATA_BYTES = 1900;

async function main(values: number, only: string | undefined): Promise<void> {
  await sodiumReady;
  const directory = mkdtempSync(join(tmpdir(), "etcd-restore-bench-"));
  const key = randomBytes(32);
  const seed = randomBytes(32);
  const kms: Kms = { keyId: "key", key: randomBytes(32) };
  const wrapped = wrapKey(kms, seed);
  const plugin = await startKmsPlugin(join(directory, "kms.sock"), { kms });
  const keys = { keys: [{ name: "k", secret: key.toString("base64") }] };
  const { endpoint } = plugin;
  const kinds: Readonly<
    Record<string, [provider: object, seal: (plain: Buffer, etcdKey: string) => Buffer]>
  > = {
    aescbc: [{ aescbc: keys }, (plain) => sealCbc("k", key, plain)],
    aesgcm: [{ aesgcm: keys }, (plain, etcdKey) => sealGcm("k", key, plain, etcdKey)],
    secretbox: [{ secretbox: keys }, (plain) => sealBox("k", key, plain)],
    "kms v2": [
      { kms: { apiVersion: "v2", name: "p", endpoint } },
      (plain, etcdKey) => sealKmsV2("p", kms, { plain, etcdKey, seed, wrapped }),
    ],
  };
  try {
    for (const [name, [provider, seal]] of Object.entries(kinds)) {
      if (only !== undefined && only !== name) continue;
      const data = randomBytes(DATA_BYTES);
      const store = storeOf(
        Array.from({ length: values }, (_, i) => {
          const secret = `s${String(i).padStart(8, "0")}`;
          const etcdKey = `/registry/secrets/shop/${secret}`;
          return [etcdKey, seal(secretObject("shop", secret, data), etcdKey)] as const;
        }),
      );
      const configuration = parseEncryptionConfig(
        JSON.stringify({
          ...{ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1" },
          resources: [{ resources: ["secrets"], providers: [provider] }],
        }),
      );
      for (const [threads, threadsFrom] of [
        ["one thread", Infinity],
        ["threads", 1],
      ] as const) {
        const before = process.cpuUsage();
        const began = performance.now();
        const { opened } = await examineEncryption(store, configuration, { threadsFrom });
        const seconds = (performance.now() - began) / 1000;
        const { user, system } = process.cpuUsage(before);
        if (opened !== values) throw new Error(`${name}: ${opened} of ${values} opened`);
        const rate = Math.round(values / seconds).toLocaleString("en");
        const each = ((user + system) / values).toFixed(1);
        console.log(`${name}, ${threads}: ${rate} values/s, ${each} µs of a processor each`);
      }
    }
  } finally {
    await plugin.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const [values = "100000", only] = process.argv.slice(2);
void main(Number(values), only);
