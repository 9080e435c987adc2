/** Our manifest of a backup in a store: its text, to be kept beside the backup, and which cluster it names. */
import { readRange, type Store, type StoredObject } from "./store";

/** A manifest with a hundred members has a few KiB. */
const MOST_BYTES = 1 << 20;

export interface ManifestText {
  readonly text: Buffer;
  /** UID of the namespace kube-system. */
  readonly uid?: string | undefined;
}

/**
 * Reads a manifest; undefined where that object is far too large for one. What is wrong in it is told by whoever reads
 * it as a manifest.
 * @throws SourceError
 */
export async function readManifestText(
  store: Store,
  { path, bytes, etag }: StoredObject,
  signal?: AbortSignal,
): Promise<ManifestText | undefined> {
  if (bytes > MOST_BYTES) return undefined;
  const text = await readRange(store, path, { from: 0, to: bytes }, { etag, signal });
  return { text, uid: uidIn(text) };
}

function uidIn(text: Buffer): string | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text.toString("utf8"));
  } catch {
    return undefined;
  }
  const kubernetes = member(content, "kubernetes");
  const uid = member(kubernetes, "uid");
  return typeof uid === "string" && uid !== "" ? uid : undefined;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
