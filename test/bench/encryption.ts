/**
 * How much processor time it takes to open an encrypted value of 2 KiB and to hold it against its key, by provider, beside
 * a loop over the same values that does nothing but call the cipher. Part of `npm run bench`, and alone:
 *
 *     node --require ./engine/typescript.cjs test/bench/encryption.ts [VALUES] [PROVIDER]
 */
import { createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEncryptionConfig } from "../../etcd/encryption/parse-configuration";
import { envelopeOf } from "../../etcd/encryption/envelope";
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
import { median, RUNS } from "./measure";

const DATA_BYTES = 1900;
const VALUES = 60_000;
/** What two cores have in a second. */
const MICROSECONDS = 2_000_000;
const sodium = createRequire(__filename)(
  "libsodium-wrappers",
) as typeof import("libsodium-wrappers");

/** Of one provider: processor time of a value in µs, medians of several runs in turn. */
export interface EncryptionFigure {
  readonly provider: string;
  /** The cipher alone, in a loop. */
  readonly plain: number;
  /** Ours in this thread, and in as many as there are processors, with all that they cost but their start. */
  readonly alone: number;
  readonly threads: number;
}

interface Kind {
  readonly configured: object;
  readonly seal: (plain: Buffer, etcdKey: string) => Buffer;
  /** Calls the cipher on what stands behind the header. */
  readonly open: (body: Buffer, etcdKey: string) => void;
}

function gcm(key: Buffer, data: Buffer, etcdKey: string): void {
  const decipher = createDecipheriv("aes-256-gcm", key, data.subarray(0, 12));
  decipher.setAAD(Buffer.from(etcdKey));
  decipher.setAuthTag(data.subarray(-16));
  decipher.update(data.subarray(12, -16));
  decipher.final();
}

function kindsOf(kms: Kms, endpoint: string): Readonly<Record<string, Kind>> {
  const [key, seed] = [randomBytes(32), randomBytes(32)];
  const wrapped = wrapKey(kms, seed);
  const keys = { keys: [{ name: "k", secret: key.toString("base64") }] };
  return {
    aescbc: {
      configured: { aescbc: keys },
      seal: (plain) => sealCbc("k", key, plain),
      open: (body) => {
        const decipher = createDecipheriv("aes-256-cbc", key, body.subarray(0, 16));
        decipher.update(body.subarray(16));
        decipher.final();
      },
    },
    aesgcm: {
      configured: { aesgcm: keys },
      seal: (plain, etcdKey) => sealGcm("k", key, plain, etcdKey),
      open: (body, etcdKey) => {
        gcm(key, body, etcdKey);
      },
    },
    secretbox: {
      configured: { secretbox: keys },
      seal: (plain) => sealBox("k", key, plain),
      open: (body) =>
        sodium.crypto_secretbox_open_easy(body.subarray(24), body.subarray(0, 24), key),
    },
    "kms v2": {
      configured: { kms: { apiVersion: "v2", name: "p", endpoint } },
      seal: (plain, etcdKey) => sealKmsV2("p", kms, { plain, etcdKey, seed, wrapped }),
      open: (body, etcdKey) => {
        const data = envelopeOf("v2", body)?.data ?? Buffer.alloc(0);
        const hmac = createHmac("sha256", seed).update(data.subarray(0, 32));
        gcm(hmac.update(Buffer.from([1])).digest(), data.subarray(32), etcdKey);
      },
    },
  };
}

/** Processor time in µs, of all threads of this process. */
async function timeOf(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function figureOf(provider: string, kind: Kind, values: number): Promise<EncryptionFigure> {
  const data = randomBytes(DATA_BYTES);
  const entries = Array.from({ length: values }, (_, i) => {
    const secret = `s${String(i).padStart(8, "0")}`;
    const etcdKey = `/registry/secrets/shop/${secret}`;
    return [etcdKey, kind.seal(secretObject("shop", secret, data), etcdKey)] as const;
  });
  const store = storeOf(entries);
  // A quarter of them: the difference of both is what the values cost, without the start of threads.
  const some = entries.slice(0, values >> 2);
  const few = storeOf(some);
  const header = entries[0]?.[1].toString("latin1").split(":").slice(0, 5).join(":").length ?? 0;
  const configuration = parseEncryptionConfig(
    JSON.stringify({
      ...{ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1" },
      resources: [{ resources: ["secrets"], providers: [kind.configured] }],
    }),
  );
  const ours = async (threadsFrom: number) => {
    const opening = async (live: typeof store) => {
      const { opened } = await examineEncryption(live, configuration, { threadsFrom });
      if (opened !== live.count) throw new Error(`${provider}: ${opened} of ${live.count} opened`);
    };
    const beginning = await timeOf(() => opening(few));
    return ((await timeOf(() => opening(store))) - beginning) / (values - some.length);
  };
  const plain = () => {
    for (const [etcdKey, value] of entries) kind.open(value.subarray(header + 1), etcdKey);
  };
  const runs: { readonly plain: number; readonly alone: number; readonly threads: number }[] = [];
  // In turn, so that whatever else the machine does is there for all of them; the first round only warms up.
  for (let run = 0; run <= RUNS; run++) {
    const one = {
      plain: (await timeOf(plain)) / values,
      alone: await ours(Infinity),
      threads: await ours(1),
    };
    if (run > 0) runs.push(one);
  }
  const of = (way: "plain" | "alone" | "threads") => median(runs.map((run) => run[way]));
  return { provider, plain: of("plain"), alone: of("alone"), threads: of("threads") };
}

/** Measures every provider, or one. */
export async function benchEncryption(
  values = VALUES,
  only?: string,
): Promise<readonly EncryptionFigure[]> {
  await sodiumReady;
  const directory = mkdtempSync(join(tmpdir(), "etcd-restore-bench-"));
  const kms: Kms = { keyId: "key", key: randomBytes(32) };
  const plugin = await startKmsPlugin(join(directory, "kms.sock"), { kms });
  try {
    const figures: EncryptionFigure[] = [];
    for (const [name, kind] of Object.entries(kindsOf(kms, plugin.endpoint))) {
      if (only === undefined || only === name) figures.push(await figureOf(name, kind, values));
    }
    return figures;
  } finally {
    await plugin.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The figures as lines. */
export function describeEncryption(figures: readonly EncryptionFigure[]): string {
  const lines = figures.map(({ provider, plain, alone, threads }) => {
    const rate = Math.round(MICROSECONDS / threads).toLocaleString("en");
    return (
      `${provider.padEnd(10)} ${alone.toFixed(1)} µs of a processor a value, x${(alone / plain).toFixed(2)} of the cipher ` +
      `alone (${plain.toFixed(1)} µs); in threads ${threads.toFixed(1)} µs, ${rate} a second of two cores`
    );
  });
  return `\nopening encrypted values of 2 KiB\n${lines.join("\n")}`;
}

if (process.argv[1] === __filename) {
  const [values, only] = process.argv.slice(2);
  void benchEncryption(values === undefined ? VALUES : Number(values), only).then((figures) => {
    console.log(describeEncryption(figures));
  });
}
