import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const FIXTURES = join(__dirname, "..", "fixtures");

/** The snapshots of `test/fixtures` (its README says what they are). */
export const KUBERNETES_SNAPSHOTS = [
  "kubernetes-1.35-main.db",
  "kubernetes-1.35-events.db",
  "kubernetes-1.35-encrypted.db",
] as const;

export type KubernetesSnapshot = (typeof KUBERNETES_SNAPSHOTS)[number];

/** What the etcd server itself said of a snapshot's content at the moment of the backup. */
export interface Truth {
  readonly file_size: number;
  readonly file_sha256: string;
  readonly db_sha256_trailer: string;
  readonly etcd_storage_version: string;
  readonly revision: number;
  readonly compact_revision: number;
  readonly raft_term: number;
  readonly member_id: string;
  readonly hashkv: { readonly hash: number; readonly compact_revision: number };
  readonly live_keys: number;
  readonly leases: readonly { readonly id: string; readonly granted_ttl: number }[];
  readonly bbolt: {
    readonly page_size: number;
    readonly pages: number;
    readonly free_pages: number;
    readonly bucket_keys: Readonly<Record<string, number>>;
  };
  readonly keys: readonly {
    readonly key: string;
    readonly create_revision: number;
    readonly mod_revision: number;
    readonly version: number;
    readonly lease: string | 0;
    readonly value_size: number;
    readonly value_sha256: string;
  }[];
}

/** The bytes of a snapshot. */
export function snapshotBytes(name: KubernetesSnapshot): Buffer {
  return gunzipSync(readFileSync(join(FIXTURES, `${name}.gz`)));
}

/** The truth beside a snapshot. Numbers that may pass 2^53 come as strings. */
export function readTruth(name: KubernetesSnapshot): Truth {
  const text = gunzipSync(readFileSync(join(FIXTURES, `${name}.truth.json.gz`))).toString();
  return JSON.parse(text.replace(/: (\d{16,})(?=[,}\s])/g, ': "$1"')) as Truth;
}

/** A directory of one test file's own. */
export interface Workspace {
  path(name: string): string;
  /** Writes a file and returns its path. */
  write(name: string, bytes: Uint8Array): string;
  remove(): void;
}

export function createWorkspace(): Workspace {
  const directory = mkdtempSync(join(tmpdir(), "etcd-restore-test-"));
  return {
    path: (name) => join(directory, name),
    write(name, bytes) {
      const path = join(directory, name);
      writeFileSync(path, bytes);
      return path;
    },
    remove() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
