// Real snapshots of a Kubernetes cluster against what their servers said at that moment.
import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";

import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import {
  createWorkspace,
  KUBERNETES_SNAPSHOTS,
  MADE_SNAPSHOTS,
  readTruth,
  snapshotBytes,
  type KubernetesSnapshot,
} from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

function read(name: KubernetesSnapshot): Promise<Snapshot> {
  return readSnapshot(workspace.write(name, snapshotBytes(name)));
}

describe.each([...KUBERNETES_SNAPSHOTS, ...MADE_SNAPSHOTS])("%s", (name) => {
  it("has the file facts, revisions and HashKV that its server reported", async () => {
    const truth = readTruth(name);
    const snapshot = await read(name);
    expect(snapshot).toMatchObject({
      bytes: truth.file_size,
      sha256: truth.file_sha256,
      trailer: "matches",
      trailerSha256: truth.db_sha256_trailer,
      contentSha256: truth.db_sha256_trailer,
      ...(truth.bbolt && {
        pageSize: truth.bbolt.page_size,
        pages: truth.bbolt.pages,
        freePages: truth.bbolt.free_pages,
        records: truth.bbolt.bucket_keys.key,
      }),
      revision: truth.revision,
      compactRevision: truth.compact_revision,
      placeholders: 0,
      storageVersion: truth.etcd_storage_version,
      term: truth.raft_term,
      alarms: [],
      auth: { enabled: false, users: [], roles: [] },
    });
    expect(snapshot.badMetaPage).toBeUndefined();
    expect(snapshot.members.map(({ id }) => String(id))).toEqual([truth.member_id]);
    expect(snapshot.hashKv()).toBe(truth.hashkv.hash);
    expect(snapshot.hashKv(truth.revision, truth.hashkv.compact_revision)).toBe(truth.hashkv.hash);
  });

  it("has the leases that its server listed", async () => {
    const truth = readTruth(name);
    const { leases } = await read(name);
    const found = [...leases].map(([id, { ttlSeconds }]) => [String(id), ttlSeconds]);
    expect(found.sort()).toEqual(
      truth.leases.map(({ id, granted_ttl }) => [id, granted_ttl]).sort(),
    );
  });

  it("has exactly the live keys, with the metadata and values that its server served", async () => {
    const truth = readTruth(name);
    const snapshot = await read(name);
    const { live } = snapshot;
    const found = Array.from({ length: live.count }, (_, i) => {
      const { createRevision, modRevision, version, lease, valueBytes } = live.metadata(i);
      return {
        key: live.key(i).toString("base64"),
        create_revision: createRevision,
        mod_revision: modRevision,
        version,
        lease: lease === 0n ? 0 : String(lease),
        value_size: valueBytes,
        value_sha256: createHash("sha256").update(live.value(i)).digest("hex"),
      };
    });
    snapshot.close();
    expect(found).toEqual(truth.keys);
    expect(live.count).toBe(truth.live_keys);
  });

  it("finds each key by its bytes, and the place of a key that is not there", async () => {
    const { live } = await read(name);
    for (let i = 0; i < live.count; i++) {
      expect(live.indexOf(live.key(i))).toBe(i);
      // The next possible key after key i lies between i and i + 1.
      expect(live.indexOf(Buffer.concat([live.key(i), Buffer.alloc(1)]))).toBe(-1 - (i + 1));
    }
    expect(live.indexOf(Buffer.alloc(0))).toBe(-1);
  });
});
