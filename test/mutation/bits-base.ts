/** A small snapshot of a real etcd with something in every bucket, and trees in some: what single bits are turned in. */
import { readFile, rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connect } from "../../etcd/client/grpc";
import { encodeMessage } from "../../etcd/wire/protobuf";
import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { connectWriter } from "../support/make-snapshot";
import { createRandom } from "../support/random";

const KEYS = 150;
const LEASES = 150;
const USERS = 80;
const TTL_SECONDS = 3_600_000;
const LIMIT = { deadlineMs: 60_000 };

/** @param version minor of the etcd that writes it */
export async function makeBitsBase(version: string): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bits-base-"));
  const server = await startEtcdServer({ version });
  try {
    await fill(server);
    const file = join(directory, "base.db");
    await server.saveSnapshot(file);
    return await readFile(file);
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function fill(server: EtcdServer): Promise<void> {
  const random = createRandom(7);
  const writer = await connectWriter(server);
  const lease = (i: number) => BigInt(i + 1) * 0x1234_5678_9abcn;
  for (let i = 0; i < LEASES; i++) await writer.grantLease(lease(i), TTL_SECONDS);
  const put = (i: number) => ({
    put: Buffer.from(`/registry/configmaps/team-${i % 7}/sample-${i}`),
    value: random.bytes(20 + random.below(200)),
    ...(i % 5 === 0 ? { lease: lease(i) } : {}),
  });
  let compactTo = 1;
  for (let i = 0; i < KEYS * 2; i++) {
    const revision = await writer.transact([put(i % KEYS)]);
    if (i === KEYS) compactTo = revision;
  }
  await writer.transact([{ put: Buffer.from("/big"), value: random.bytes(9000) }]);
  for (let i = 0; i < 20; i++) await writer.transact([{ delete: put(i * 3).put }]);
  await writer.compact(compactTo);
  writer.close();

  const connection = await connect({ url: server.url });
  // `AuthUserAddRequest`: name 1, options 3 {no_password 1}.
  for (let i = 0; i < USERS; i++) {
    const user = encodeMessage([
      [1, `user-${i}-${"x".repeat(i % 40)}`],
      [3, encodeMessage([[1, true]])],
    ]);
    await connection.call("etcdserverpb.Auth/UserAdd", user, LIMIT);
  }
  connection.close();
  const { etcdctl } = server;
  await etcdctl("role", "add", "reader");
  await etcdctl("role", "grant-permission", "reader", "--prefix=true", "read", "/registry/");
  await etcdctl("role", "grant-permission", "reader", "write", "/one");
  await etcdctl("user", "grant-role", "user-1-x", "reader");
  // On and off again leaves authEnabled and authRevision behind.
  await etcdctl("user", "add", "root:secret");
  await etcdctl("user", "grant-role", "root", "root");
  await etcdctl("auth", "enable");
  await etcdctl("--user=root:secret", "auth", "disable");
  // A member that came and went.
  const added = await etcdctl(
    "member",
    "add",
    "late",
    "--learner",
    "--peer-urls=http://127.0.0.1:1",
  );
  await etcdctl("member", "remove", /Member\s+([0-9a-f]+) added/.exec(added)?.[1] ?? "");
}
