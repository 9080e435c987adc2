/** The search for the one etcd snapshot among the files of an archive, each looked into as it goes by. */
import { SnapshotError } from "../snapshot/snapshot-error";
import { DamageError, NotUnpackedError } from "./damage";
import { decompress } from "./decompress";
import {
  type Compression,
  describeKind,
  HEAD_BYTES,
  isCompression,
  isUnfinished,
  kindOf,
} from "./kinds";
import type { Limit } from "./limit";
import { listed } from "./listed";
import { memberPathOf } from "./member-files";
import type { Beside, MembersInArchive } from "./members-in-archive";
import type { Place } from "./place";
import { type Bytes, peek, type Peeked } from "./streams";

/** How a snapshot was packed. */
export interface Packing {
  /** `gzip`, `zip`, `tar in gzip`, … from the inside out. */
  readonly format: string;
  /** Its path inside of an archive. */
  readonly entry?: string;
}

/** What was found in a packed file. */
export interface Unpacked {
  /** The database; absent where an archive holds the directory of an etcd 2, which had none. */
  readonly place?: Place;
  readonly packing: Packing;
  /** What an archive holds beside a member's database. To be disposed of. */
  readonly beside?: Beside;
  /** Why the rest could not be unpacked, where that was asked for. */
  readonly damage?: string;
}

export interface UnpackOptions {
  /** Where to write it; asked once, when it was found, with its path in an archive. */
  readonly openPlace: (entry?: string) => Place;
  /** Where to write what lies beside a member's database in an archive. */
  readonly openOther: () => Place;
  /** Of a damaged file, takes what comes before the damage. @default false: it is refused */
  readonly toTheDamage?: boolean | undefined;
  readonly signal?: AbortSignal;
  /** Called now and then with how much of the packed file was read. */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void;
}

export const NOTHING = Buffer.alloc(0);

/** How far the search in one file is. */
export interface Search {
  readonly file: string;
  readonly options: UnpackOptions;
  readonly limit: Limit;
  readonly members: MembersInArchive;
  /** Names of the snapshots in an archive, and what else is there. */
  readonly snapshots: string[];
  readonly others: string[];
  /** Where the first of them was written. */
  place?: Place;
  /** What ended the unpacking early, where that may be. */
  damage?: string;
}

/** Works to the end. Of something damaged, what came before is enough where that was asked for, and it holds of a database what it holds. */
export async function toTheEnd(search: Search, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const isEnough = search.options.toTheDamage === true && search.place !== undefined;
    if (!isEnough || !(error instanceof DamageError)) throw error;
    search.damage ??= error.message;
  }
}

/** What an archive that has gone by is opened for. @throws SnapshotError when that is not one thing */
export function chosenOf(search: Search, format: string, what: string): Unpacked {
  const { file, snapshots, others, members, place } = search;
  const [entry] = snapshots;
  if (snapshots.length > 1) {
    throw new SnapshotError(
      file,
      `this is ${what} with ${snapshots.length} etcd snapshots: ${listed(snapshots)}. Unpack it, and name one of them`,
    );
  }
  if (entry !== undefined && place !== undefined) {
    const beside = members.of(memberPathOf(entry)?.member);
    return { place, packing: { format, entry }, ...(beside === undefined ? {} : { beside }) };
  }
  const alone = members.only();
  if (alone !== undefined) {
    return { packing: { format, entry: alone.member }, beside: alone.beside };
  }
  throw new SnapshotError(
    file,
    `this is ${what} without an etcd snapshot. ` +
      (others.length === 0 ? "It is empty" : `It holds ${listed(others)}`),
  );
}

/** Notes a file of an archive that is not looked into. */
export function noterOf({ others }: Search): (name: string, what: string) => void {
  return (name, what) => {
    others.push(`${name} (${what})`);
  };
}

/** A snapshot may lie in an archive as it is, or compressed once. */
export function visitorOf(search: Search): (name: string, bytes: Bytes) => Promise<void> {
  const { options, members, snapshots } = search;
  const skipped = noterOf(search);
  return async (name, bytes) => {
    options.signal?.throwIfAborted();
    if (await members.keep(name, bytes)) return;
    const outer = await peek(bytes, HEAD_BYTES);
    const kind = kindOf(outer.head);
    const inner: Inner = isCompression(kind) ? await peekInto(kind, outer) : outer;
    const { head, all, close } = inner;
    if (kindOf(head) !== "database") {
      const inside = head.length > 0 && isCompression(kind);
      const within = inside ? `, in it ${describeKind(kindOf(head), head)}` : "";
      const unread = inner.unread === undefined ? "" : `, and ${inner.unread}`;
      skipped(name, describeKind(kind, outer.head) + within + unread);
    } else if (isUnfinished(name)) skipped(name, "was still being written");
    else {
      snapshots.push(name);
      if (search.place === undefined) {
        search.place = options.openPlace(name);
        await write(search, search.place, head, all);
      }
    }
    await close();
  };
}

export async function write(
  { limit, options: { signal } }: Search,
  to: Place,
  head: Buffer,
  all: Bytes,
): Promise<void> {
  const most = limit.database(head);
  if (most === undefined) {
    // Neither meta page is whole: what follows helps nobody, and its reader says what is wrong.
    to.write(head);
    return;
  }
  to.expect(most.database);
  let written = 0;
  for await (const part of all) {
    signal?.throwIfAborted();
    written += part.length;
    most.check(written);
    to.write(part);
  }
}

interface Inner extends Peeked {
  /** Why there is no beginning. */
  readonly unread?: string;
}

/** The beginning of what is compressed there, or why there is none. */
async function peekInto(compression: Compression, packed: Peeked): Promise<Inner> {
  try {
    return await peek(decompress(compression, packed.all), HEAD_BYTES);
  } catch (error) {
    if (error instanceof DamageError || error instanceof NotUnpackedError) {
      return { ...packed, head: NOTHING, unread: error.message };
    }
    throw error;
  }
}
