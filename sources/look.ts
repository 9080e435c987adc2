/**
 * A look at an object's first bytes, and where it grows while it is written at its last ones: whether it is a backup,
 * and there whole. Reads some 64 KiB of it.
 */
import { canOpenAge, decryptAge, NoIdentityError } from "../etcd/backup/age";
import { decompress } from "../etcd/backup/decompress";
import { DamageError, NotUnpackedError } from "../etcd/backup/damage";
import {
  describeKind,
  HEAD_BYTES,
  isArchive,
  isCompression,
  kindOf,
  type Compression,
  type Kind,
} from "../etcd/backup/kinds";
import type { Bytes } from "../etcd/backup/streams";
import { missingBytes } from "../etcd/snapshot/meta-page";
import { size } from "../etcd/wire/figures";
import { isCalledBackup } from "./layouts/plain";
import type { Backup } from "./listing";
import { readRange, streamOf, type Store } from "./store";

/** A copy that rests so long has ended. */
const UPLOAD_MS = 15 * 60_000;
const TAIL_BYTES = 65_536 + 22;

/**
 * Why a backup is to be passed over for an older one; undefined where nothing speaks against it. What is damaged, and
 * has had the time to come, is not passed over: that last night's backup is bad is what a drill is to find out.
 * @throws SourceError
 */
export async function lookAt(
  store: Store,
  backup: Backup,
  now: Date,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { path, bytes, object } = backup;
  const options = { etag: object.etag, signal };
  const range = { from: 0, to: Math.min(HEAD_BYTES, bytes) };
  const head = await readRange(store, path, range, options);
  const kind = kindOf(head);
  const inside = isCompression(kind) ? await kindInside(kind, head) : kind;
  const isBackup = inside === "database" || isArchive(inside) || canOpenAge(head);
  if (!isBackup && !isCalledBackup(path)) {
    return `it is no backup: ${describeKind(kind, head)}${inside === kind ? "" : `, in it ${describeKind(inside, NOTHING)}`}`;
  }
  const age = object.modified === undefined ? Infinity : now.getTime() - object.modified.getTime();
  // etcd-manager writes the other half when this one is whole.
  const isSettled = store.isAtomic || store.isOne || age > UPLOAD_MS || backup.layout === "kops";
  return isSettled ? undefined : problemOfYoung(store, backup, { kind, head, age, signal });
}

/** Why a file that was written to a short while ago is not there whole, by its own bytes. */
async function problemOfYoung(
  store: Store,
  { path, bytes, object }: Backup,
  { kind, head, age, signal }: Young,
): Promise<string | undefined> {
  const options = { etag: object.etag, signal };
  const written = `it was written to ${Math.max(0, Math.round(age / 1000))} s ago and is still being copied`;
  const missing = kind === "database" ? missingBytes(head, bytes) : undefined;
  if (missing !== undefined) {
    if (missing === 0) return undefined;
    return `${written}: ${size(bytes)} are there, ${size(missing)} are missing`;
  }
  const isEncrypted = canOpenAge(head);
  if (isEncrypted || isCompression(kind)) {
    // Only its end tells, by a checksum or an end mark.
    const { bytes: packed } = await store.open(path, { from: 0 }, options);
    const unpacked = isEncrypted
      ? decryptAge(path, packed)
      : decompress(kind as Compression, packed);
    return (await isWholeStream(unpacked)) ? undefined : `${written}: its end is not there`;
  }
  const from = Math.max(0, bytes - TAIL_BYTES);
  const tail = await readRange(store, path, { from, to: bytes }, options);
  return endsAs(kind, tail) ? undefined : `${written}: its end is not there`;
}

interface Young {
  readonly kind: Kind;
  readonly head: Buffer;
  /** Milliseconds. */
  readonly age: number;
  readonly signal: AbortSignal | undefined;
}

async function isWholeStream(bytes: Bytes): Promise<boolean> {
  const unpacked = bytes[Symbol.asyncIterator]();
  try {
    while ((await unpacked.next()).done !== true);
    return true;
  } catch (error) {
    if (error instanceof DamageError) return false;
    // Whoever opens it says what is missing.
    if (error instanceof NotUnpackedError || error instanceof NoIdentityError) return true;
    throw error;
  }
}

const NOTHING = Buffer.alloc(0);

/** What is inside of something compressed, by its first bytes alone. */
async function kindInside(kind: Kind, head: Buffer): Promise<Kind> {
  if (!isCompression(kind)) return kind;
  try {
    const inner = await peekMost(decompress(kind, streamOf([head])));
    return kindOf(inner);
  } catch (error) {
    // What cannot be unpacked here is most likely what it is called.
    if (error instanceof NotUnpackedError || error instanceof DamageError) return "database";
    throw error;
  }
}

/** As much as there is: the beginning of something compressed ends in the middle. */
async function peekMost(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of bytes) {
      parts.push(part);
      length += part.length;
      if (length >= HEAD_BYTES) break;
    }
  } catch (error) {
    if (!(error instanceof DamageError) || length < 4096 + 24) throw error;
  }
  return Buffer.concat(parts);
}

/** Whether the last bytes are those that end such an archive; of what has no end mark nothing can be said. */
function endsAs(kind: Kind, tail: Buffer): boolean {
  if (kind === "tar")
    return tail.length >= 1024 && tail.subarray(-1024).every((byte) => byte === 0);
  if (kind !== "zip") return true;
  // The end of the central directory (APPNOTE 4.3.16): 22 bytes and a comment of a stated length.
  for (let at = tail.length - 22; at >= 0; at--) {
    const isEnd = tail.readUInt32LE(at) === 0x06054b50;
    if (isEnd && at + 22 + tail.readUInt16LE(at + 20) === tail.length) return true;
  }
  return false;
}
