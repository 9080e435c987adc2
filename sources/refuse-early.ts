/** Says of an object's beginning that it is none of a backup, before the rest is fetched. */
import { closeSync } from "node:fs";
import { canOpenAge } from "../etcd/backup/age";
import { decompress } from "../etcd/backup/decompress";
import { DamageError, NotUnpackedError } from "../etcd/backup/damage";
import {
  describeKind,
  HEAD_BYTES as KIND_BYTES,
  isArchive,
  isCompression,
  kindOf,
} from "../etcd/backup/kinds";
import { openUnnamedPlace } from "../etcd/backup/place";
import { lookEarly, type ReadFurther } from "../etcd/snapshot/early-look";
import { openSource } from "../etcd/snapshot/file";
import { SnapshotError } from "../etcd/snapshot/snapshot-error";
import { streamOf } from "./store";

/** As much is looked at: 256 pages of most machines. */
export const HEAD_BYTES = 1 << 20;

/**
 * @param name for people
 * @param head the first `HEAD_BYTES`, or all where there are fewer
 * @param total bytes of the whole, where that is known
 * @throws SnapshotError for what no backup begins with
 */
export async function refuseEarly(
  name: string,
  head: Buffer,
  total: number | undefined,
  readFurther?: ReadFurther,
): Promise<void> {
  const isAll = total === undefined ? head.length < HEAD_BYTES : head.length >= total;
  const kind = kindOf(head);
  if (kind === "database") {
    await lookInto(name, head, total ?? (isAll ? head.length : undefined), readFurther);
    return;
  }
  // What is encrypted is told when it is opened.
  if (isArchive(kind) || canOpenAge(head)) return;
  if (!isCompression(kind)) {
    // A damaged database and a file of another kind alike: the reader knows how to tell.
    await lookInto(name, head, isAll ? head.length : total);
    throw new SnapshotError(name, `this is no etcd snapshot but ${describeKind(kind, head)}`);
  }
  const inner = await beginningOf(kind, head, isAll);
  if (inner === undefined || isArchive(kindOf(inner))) return;
  if (kindOf(inner) === "database") {
    if (inner.length >= KIND_BYTES) await lookInto(name, inner, undefined);
    return;
  }
  throw new SnapshotError(
    name,
    `this is ${describeKind(kind, head)}, and what is in it is no etcd snapshot but ${describeKind(kindOf(inner), inner)}`,
  );
}

async function lookInto(
  name: string,
  head: Buffer,
  total: number | undefined,
  readFurther?: ReadFurther,
): Promise<void> {
  const place = openUnnamedPlace(name);
  try {
    place.write(head);
    const placed = place.finish();
    try {
      const opened = openSource(placed.path);
      try {
        await lookEarly({ ...opened, path: name }, head, total, readFurther);
      } finally {
        closeSync(opened.fd);
      }
    } finally {
      placed.dispose();
    }
  } finally {
    place.discard();
  }
}

/** The beginning of what is compressed; undefined where it takes a program to unpack it, which the reading will miss as well. */
async function beginningOf(
  kind: Parameters<typeof decompress>[0],
  head: Buffer,
  isAll: boolean,
): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of decompress(kind, streamOf([head]))) {
      parts.push(part);
      length += part.length;
      if (length >= HEAD_BYTES) break;
    }
  } catch (error) {
    if (error instanceof NotUnpackedError) return undefined;
    // A beginning ends in the middle; what was unpacked of it until there counts.
    if (!(error instanceof DamageError) || (length < KIND_BYTES && isAll)) throw error;
    if (length < KIND_BYTES) return undefined;
  }
  return Buffer.concat(parts);
}
