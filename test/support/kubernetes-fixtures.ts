import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Kms } from "./encrypted-values";

const FIXTURES = join(__dirname, "..", "fixtures");

/** The snapshots of `test/fixtures` (its README says what they are). */
export const KUBERNETES_SNAPSHOTS = [
  "kubernetes-1.35-main.db",
  "kubernetes-1.35-events.db",
  "kubernetes-1.35-encrypted.db",
] as const;

/** Those that `test/support/fixture-maker` made, by other minors of kube-apiserver and with other encryption. */
export const MADE_SNAPSHOTS = [
  "kubernetes-1.33.db",
  "kubernetes-1.37.db",
  "kubernetes-1.35-kms.db",
] as const;

export type KubernetesSnapshot =
  (typeof KUBERNETES_SNAPSHOTS)[number] | (typeof MADE_SNAPSHOTS)[number];

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
  /** What bbolt's own program said; of the older fixtures alone. */
  readonly bbolt?: {
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

/** An object as the API server that wrote a store listed it. */
export interface ListedObject {
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** What the API server listed just before a snapshot was taken. */
export function readListed(
  name: Exclude<KubernetesSnapshot, "kubernetes-1.35-events.db">,
): readonly ListedObject[] {
  const text = gunzipSync(readFileSync(join(FIXTURES, `${name}.objects.json.gz`))).toString();
  return JSON.parse(text) as readonly ListedObject[];
}

/** The configuration of `kubernetes-1.35-kms.db` for a plugin that listens at a socket, and the KMS's own key. */
export function readKmsFixture(socket: string): {
  readonly configuration: string;
  readonly kms: Kms;
} {
  const read = (name: string) =>
    readFileSync(join(FIXTURES, `kubernetes-1.35-kms.${name}`), "utf8");
  const { keyId, key } = JSON.parse(read("kms.json")) as { keyId: string; key: string };
  return {
    configuration: read("encryption-config.json").replaceAll("SOCKET", socket),
    kms: { keyId, key: Buffer.from(key, "base64") },
  };
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
