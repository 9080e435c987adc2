/**
 * Makes the good backup of the mutation matrix with a real etcd, and what is blended with it or put in its place:
 *
 *     node --require ./engine/typescript.cjs test/mutation/make-base.ts
 *
 * A store with something in every bucket that etcd fills: history, compactions, deletes, transactions, leases, users,
 * roles, a member that left, a value with overflow pages, keys that are no text. All content is synthetic.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { connectWriter, type Operation, type StoreWriter } from "../support/make-snapshot";
import { createRandom, type Random } from "../support/random";
import { BASE_DIRECTORY, TRUTH_FILE, type Truth } from "./base";
import { askLiveKeys } from "./live-keys";

const VERSION = "3.6";
const SEED = 5;
const LEASES = [0x1111_2222_3333n, 0x4444_5555_6666n, 0x7777_8888_9999n];
const TTL_SECONDS = 3_600_000;
const WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"];

async function main(): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "etcd-restore-base-"));
  try {
    await mkdir(BASE_DIRECTORY, { recursive: true });
    await withServer(async (server, writer) => {
      const random = createRandom(SEED);
      await fillBeside(server, writer);
      const save = async (name: string) => {
        await server.saveSnapshot(join(work, name));
        await keep(join(work, name), name);
      };
      await history(writer, random, 120);
      await save("older-1.db");
      const compactAt = await history(writer, random, 60);
      await writer.compact(compactAt - 30);
      await save("older-2.db");
      await history(writer, random, 60);
      await save("older-3.db");
      // A delete at the very revision that is compacted to, and some history after it.
      await history(writer, random, 10);
      const deleted = await writer.transact([{ delete: name(3) }, { delete: name(5) }]);
      await writer.compact(deleted);
      await history(writer, random, 40);
      await save("base.db");
      await keepTruth(server, join(work, "base.db"));
      await history(writer, random, 5);
      await save("newer.db");
    });
    await withServer(async (server, writer) => {
      // The same keys and revisions in another cluster, other values.
      await fillBeside(server, writer);
      await history(writer, createRandom(SEED + 1), 240);
      await server.saveSnapshot(join(work, "other.db"));
      await keep(join(work, "other.db"), "other.db");
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function withServer(
  use: (server: EtcdServer, writer: StoreWriter) => Promise<void>,
): Promise<void> {
  // A WAL snapshot soon, for only then etcd writes its storage version.
  const server = await startEtcdServer({ version: VERSION, flags: ["--snapshot-count=40"] });
  try {
    const writer = await connectWriter(server);
    try {
      await use(server, writer);
    } finally {
      writer.close();
    }
  } finally {
    await server.stop();
  }
}

/** Everything beside the keys. */
async function fillBeside(server: EtcdServer, writer: StoreWriter): Promise<void> {
  for (const lease of LEASES) await writer.grantLease(lease, TTL_SECONDS);
  await server.etcdctl("role", "add", "reader");
  await server.etcdctl("role", "grant-permission", "reader", "--prefix=true", "read", "/registry/");
  await server.etcdctl("user", "add", "root:synthetic-root");
  await server.etcdctl("user", "add", "viewer:synthetic-viewer");
  await server.etcdctl("user", "grant-role", "root", "root");
  await server.etcdctl("user", "grant-role", "viewer", "reader");
  const added = await server.etcdctl(
    ...["member", "add", "gone", "--learner", "--peer-urls=http://127.0.0.1:9", "-w", "json"],
  );
  const id = BigInt(/"member":\{"ID":(\d+)/.exec(added)?.[1] ?? "0");
  await server.etcdctl("member", "remove", id.toString(16));
}

/** So many transactions of puts and deletes. Returns the last revision. */
async function history(writer: StoreWriter, random: Random, transactions: number): Promise<number> {
  let revision = 0;
  for (let n = 0; n < transactions; n++) {
    const operations = new Map<string, Operation>();
    const size = random.next() < 0.25 ? 2 + random.below(5) : 1;
    for (let i = 0; i < size; i++) {
      const key = name(random.below(90));
      operations.set(key.toString("latin1"), operation(key, random));
    }
    revision = await writer.transact([...operations.values()]);
  }
  return revision;
}

function operation(key: Buffer, random: Random): Operation {
  if (random.next() < 0.15) return { delete: key };
  const lease = random.next() < 0.15 ? random.pick(LEASES.slice(0, 2)) : undefined;
  const words = random.next() < 0.02 ? 2500 : 1 + random.below(60);
  const value = Buffer.from(Array.from({ length: words }, () => random.pick(WORDS)).join(" "));
  return { put: key, value, ...(lease === undefined ? {} : { lease }) };
}

/** One key in nine is no text. */
function name(i: number): Buffer {
  const kind = WORDS[i % WORDS.length] ?? "";
  return i % 9 === 0
    ? Buffer.concat([Buffer.from(`/binary/${i}/`), Buffer.from([0, 255, 10, i])])
    : Buffer.from(`/registry/${kind}/team-${i % 4}/object-${i}`);
}

/** What etcd itself says of the store that it has just saved. */
async function keepTruth(server: EtcdServer, file: string): Promise<void> {
  const bytes = await readFile(file);
  const { revision, digest } = await askLiveKeys(server);
  const { hash, compactRevision } = await server.hashKv(revision);
  const truth: Truth = {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
    revision,
    compactRevision,
    hashKv: hash,
    liveKeys: digest,
  };
  await writeFile(join(BASE_DIRECTORY, TRUTH_FILE), `${JSON.stringify(truth, undefined, 2)}\n`);
}

async function keep(file: string, name: string): Promise<void> {
  const packed = gzipSync(await readFile(file), { level: 9 });
  await writeFile(join(BASE_DIRECTORY, `${name}.gz`), packed);
  process.stdout.write(`${name}: ${packed.length} bytes packed\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 3;
});
