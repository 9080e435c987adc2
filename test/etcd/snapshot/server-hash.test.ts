// The reader's HashKV against a real etcd server's, over random histories.
import { afterAll, afterEach, expect, it } from "vitest";

import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import { startEtcdServer, type EtcdServer } from "../../support/etcd-server";
import { createWorkspace } from "../../support/kubernetes-fixtures";
import { connectWriter, type Operation, type StoreWriter } from "../../support/make-snapshot";
import { createRandom } from "../../support/random";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
let server: EtcdServer | undefined;
let writer: StoreWriter | undefined;
afterEach(async () => {
  writer?.close();
  await server?.stop();
});

const LEASE = 0x7123_4567_89ab_cdefn;

/** Puts and deletes of a few keys, so that most are written often; now and then several in one transaction. */
async function writeHistory(
  store: StoreWriter,
  random: () => number,
  transactions: number,
): Promise<number> {
  let revision = 1;
  for (let n = 0; n < transactions; n++) {
    const operations = new Map<string, Operation>();
    const size = random() < 0.3 ? 1 + Math.floor(random() * 12) : 1;
    for (let i = 0; i < size; i++) {
      const name = `/registry/pods/pod-${Math.floor(random() * 40)}`;
      const key = Buffer.from(name);
      const value = Buffer.alloc(Math.floor(random() * 300), n);
      operations.set(
        name,
        random() < 0.3
          ? { delete: key }
          : { put: key, value, ...(random() < 0.2 ? { lease: LEASE } : {}) },
      );
    }
    revision = await store.transact([...operations.values()]);
  }
  return revision;
}

it.each(["3.5", "3.6", "3.7"])(
  "is the hash of an etcd %s at each revision, whatever was compacted before or after the snapshot",
  async (version) => {
    server = await startEtcdServer({ version });
    writer = await connectWriter(server);
    const numbers = createRandom(version.charCodeAt(2));
    const random = () => numbers.next();
    const file = workspace.path(`${version}.db`);
    await writer.grantLease(LEASE, 3600);

    // A store that was never compacted, then one that was, twice.
    for (const compactBehind of [undefined, 30, 3]) {
      const last = await writeHistory(writer, random, 60);
      if (compactBehind !== undefined) await writer.compact(last - compactBehind);
      const revision = await writeHistory(writer, random, 20);
      await server.saveSnapshot(file);
      const snapshot = await readSnapshot(file);
      expect(snapshot).toMatchObject({ trailer: "matches", revision });

      // Every revision that the server still answers for.
      const from = Math.max(snapshot.compactRevision + 1, 2);
      for (let at = from; at <= revision; at += 3) {
        const { hash, compactRevision } = await server.hashKv(at);
        expect([at, snapshot.hashKv(at, compactRevision)]).toEqual([at, hash]);
      }

      // The source moves on and compacts further; the file still gives the server's answer.
      await writeHistory(writer, random, 10);
      await writer.compact(revision - 5);
      for (let at = revision - 4; at <= revision; at++) {
        const { hash, compactRevision } = await server.hashKv(at);
        expect(compactRevision).toBe(revision - 5);
        expect([at, snapshot.hashKv(at, compactRevision)]).toEqual([at, hash]);
      }
    }
  },
  300_000,
);
