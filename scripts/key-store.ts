/** What `ls` and `get` look into: a backup file, a stack's etcd, or any endpoint. */
import { V2BackupError } from "../etcd/backup/opened-backup";
import { sortedKeys } from "../etcd/inspect/keys";
import { SnapshotError } from "../etcd/snapshot/snapshot-error";
import type { SnapshotKeys } from "../etcd/snapshot/types";
import type { V2Store } from "../etcd/backup/v2/v2-backup";
import type { Endpoint } from "../etcd/client/endpoint";
import { type ClusterStoreFlags, holdClusterEndpoint } from "./cluster-endpoint";
import { findOne, type EndpointOptions } from "./endpoint";
import { readNamedKeys, readNamedV2, salvageNamed } from "./file-argument";
import { nameOfBackup } from "../sources/address";
import type { GlobalOptions } from "./options";
import { EXIT, UserError } from "./outcome";
import { assertSalvageable, tellLosses } from "./salvage";
import type { KeyStore, Served } from "./opened-store";
import { say } from "./terminal";
import { servedV2Store, v2Hint } from "./v2-key-store";
import { openEtcd } from "../etcd/client/etcd-client";
import { nearestServed, servedKey, servedKeys } from "../etcd/inspect/served-keys";

/** The flags that say where to look: at most one of `--file`, `--stack`, `--endpoint`, `--kubernetes`. */
export type KeyStoreOptions = EndpointOptions &
  GlobalOptions &
  ClusterStoreFlags & {
    readonly file?: string;
    readonly kubernetes?: boolean;
    readonly salvage?: boolean;
    /** The old v2 store, and not the v3 store. */
    readonly v2?: boolean;
  };

/** Says that the keys may be in the other store, where there is one; that it cannot be asked is no error. */
export async function tellOtherStore(store: KeyStore, tell: (line: string) => void): Promise<void> {
  const other = await store.otherStore?.().catch(() => undefined);
  if (other !== undefined) tell(`note: ${other}`);
}

/** Whether the flags, and no word, say where to look. */
export function isNamedByFlags({ file, stack, endpoint, kubernetes }: KeyStoreOptions): boolean {
  return [file, stack, endpoint, kubernetes].some((flag) => flag !== undefined);
}

/** Opens what the flags name, or the lab that runs. Only reads. */
export async function openKeyStore(
  options: KeyStoreOptions,
  signal: AbortSignal,
): Promise<KeyStore> {
  const { file, stack, endpoint, kubernetes } = options;
  const named = [file, stack, endpoint, kubernetes].filter((name) => name !== undefined);
  if (named.length > 1) {
    throw new UserError(
      EXIT.usage,
      `where to look? Give one of FILE, --stack NAME, --endpoint URL, --kubernetes; given were ${named.length}`,
    );
  }
  assertSalvageable(options.salvage, file);
  return file === undefined ? openServer(options, signal) : openFile(file, signal, options);
}

async function openServer(options: KeyStoreOptions, signal: AbortSignal): Promise<KeyStore> {
  if (options.kubernetes === true) {
    const { endpoint, name, release } = await holdClusterEndpoint(options, signal);
    return openServed(endpoint, { name, signal, release }, options);
  }
  const endpoint = await findOne(options, signal);
  return openServed(endpoint, { name: endpoint.url, signal }, options);
}

function openServed(endpoint: Endpoint, served: Served, { v2 }: KeyStoreOptions): KeyStore {
  if (v2 !== true) return servedStore(endpoint, served);
  return servedV2Store(endpoint, served);
}

function servedStore(endpoint: Endpoint, { name, signal, release }: Served): KeyStore {
  const client = openEtcd(endpoint, signal);
  return {
    name,
    keys: (prefix) => servedKeys(client, prefix),
    get: (key) => servedKey(client, key),
    near: (key) => nearestServed(client, key),
    otherStore: () => {
      return v2Hint(endpoint, signal);
    },
    close: () => {
      client.close();
      release?.();
    },
  };
}

async function openFile(
  word: string,
  signal: AbortSignal,
  { quiet, salvage, v2 }: KeyStoreOptions,
): Promise<KeyStore> {
  const file = nameOfBackup(word);
  const reading = { signal, ...(quiet !== true && { say }) };
  if (v2 === true) return v2KeyStore(file, await readNamedV2(word, reading));
  try {
    if (salvage !== true) return snapshotStore(file, await readNamedKeys(word, reading));
    const salvaged = await salvageNamed(word, reading);
    return { ...snapshotStore(file, salvaged), isDamaged: tellLosses(salvaged.losses) };
  } catch (error) {
    if (error instanceof V2BackupError) return v2KeyStore(file, error.store);
    const isDamaged = error instanceof SnapshotError && ["damaged", "cut"].includes(error.kind);
    if (isDamaged && salvage !== true) say("`--salvage` shows what can still be read of it");
    throw error;
  }
}

function snapshotStore(name: string, opened: SnapshotKeys): KeyStore {
  const { live } = opened;
  return {
    name,
    keys: () => Promise.resolve(live),
    near: () => Promise.resolve(live),
    get(key) {
      const i = live.indexOf(key);
      return Promise.resolve(
        i < 0 ? undefined : { key, metadata: live.metadata(i), value: live.value(i) },
      );
    },
    close: () => {
      opened.close();
    },
  };
}

/** Of the old store; its indexes stand where a v3 store has revisions. */
function v2KeyStore(name: string, { keys }: V2Store): KeyStore {
  const sorted = sortedKeys(keys.map(({ key }) => key));
  return {
    name,
    keys: () => Promise.resolve(sorted),
    near: () => Promise.resolve(sorted),
    get(wanted) {
      const found = keys[sorted.indexOf(wanted)];
      if (found === undefined) return Promise.resolve(undefined);
      const { key, value, createdIndex, modifiedIndex } = found;
      const metadata = {
        createRevision: createdIndex,
        modRevision: modifiedIndex,
        version: 0,
        lease: 0n,
      };
      return Promise.resolve({ key, value, metadata });
    },
    close: () => undefined,
  };
}
