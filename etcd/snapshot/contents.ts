/**
 * What the buckets beside `key` say (etcd `server/storage/schema/`): compaction marks, versions, members, leases,
 * alarms, authentication. A value in a form that etcd does not write is refused, for a server would take it for
 * something else than we do, or panic; so is a name where etcd keeps nothing by it.
 */
import { knownFields, unsignedField } from "../wire/protobuf";
import { visible } from "../wire/visible";
import { createAuthCollector } from "./auth";
import { readBuckets, type Entry, type KeyBucket } from "./buckets";
import { createLeaseCollector } from "./leases";
import type { MetaPage } from "./meta-page";
import type { PagedFile } from "./page";
import { SnapshotError } from "./snapshot-error";
import {
  GreatRevisionError,
  idOf,
  readCounter,
  readJson,
  readMark,
  readMemberId,
  readVersion,
} from "./stored-values";
import type { Alarm, Member, Snapshot } from "./types";

export type Contents = Pick<
  Snapshot,
  | "scheduledCompactRevision"
  | "finishedCompactRevision"
  | "storageVersion"
  | "clusterVersion"
  | "downgradeTo"
  | "term"
  | "consistentIndex"
  | "members"
  | "removedMembers"
  | "leases"
  | "alarms"
  | "auth"
  | "authRevision"
>;

type Field = keyof Contents;
type Found = { -readonly [Name in Field]?: Contents[Name] };
type Visit = (entry: Entry) => void;

/**
 * Reads every bucket but `key`, and where that begins.
 * @throws SnapshotError naming bucket and entry when one cannot be understood.
 */
export function readContents(
  file: PagedFile,
  meta: MetaPage,
): { readonly contents: Contents; readonly key: KeyBucket } {
  const { path } = file.source;
  const members: Member[] = [];
  const removedMembers: bigint[] = [];
  const alarms: Alarm[] = [];
  const leases = createLeaseCollector();
  const auth = createAuthCollector();
  const found: Found = {};
  const visitors = new Map<string, Visit>([
    ["meta", byName(metaReaders(found))],
    ["cluster", byName(clusterReaders(found))],
    ["members", (entry) => members.push(readMember(entry))],
    ["members_removed", (entry) => removedMembers.push(readRemoved(entry))],
    ["alarm", (entry) => alarms.push(readAlarm(entry))],
    [
      "lease",
      (entry) => {
        leases.add(entry);
      },
    ],
    ["auth", auth.auth],
    ["authUsers", auth.authUsers],
    ["authRoles", auth.authRoles],
  ]);
  const key = readBuckets(file, meta, (bucket) => {
    const visit = visitors.get(bucket);
    return visit === undefined ? () => undefined : naming(path, bucket, visit);
  });
  const { scheduledCompactRevision = 0, finishedCompactRevision = 0, ...others } = found;
  if (finishedCompactRevision > scheduledCompactRevision) {
    throw new SnapshotError(
      path,
      `a compaction to revision ${finishedCompactRevision} was finished, and only one to ${scheduledCompactRevision} was begun`,
    );
  }
  const { clusterVersion, downgradeTo } = found;
  if (downgradeTo !== undefined && !canGoDown(clusterVersion, downgradeTo)) {
    throw new SnapshotError(
      path,
      `a downgrade from ${clusterVersion ?? "no version"} to ${downgradeTo} is said to be under way; etcd goes down by one minor version`,
    );
  }
  return {
    key,
    contents: {
      scheduledCompactRevision,
      finishedCompactRevision,
      ...others,
      members,
      removedMembers,
      leases: leases.result(),
      alarms,
      ...auth.result(),
    },
  };
}

/** From 3.6 to 3.5; the cluster's version is that one already when all members have gone down. */
function canGoDown(from: string | undefined, to: string): boolean {
  const minor = (version: string) => Number(version.split(".")[1]);
  const steps = minor(from ?? "") - minor(to);
  return steps === 0 || steps === 1;
}

/** Has an error say which entry of which bucket it is about; never its value. */
function naming(path: string, bucket: string, visit: Visit): Visit {
  return (entry) => {
    try {
      visit(entry);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const isGreat = error instanceof GreatRevisionError;
      throw new SnapshotError(
        path,
        `the entry ${printable(entry.key)} of bucket "${bucket}"${isGreat ? "" : " cannot be understood"}: ${error.message}`,
        { page: entry.page, offset: entry.offset, ...(isGreat ? { kind: "limit" } : {}) },
      );
    }
  };
}

/** For a bucket with a few entries, each of its own kind. */
function byName(readers: Readonly<Record<string, (value: Buffer) => void>>): Visit {
  const known = new Map(Object.entries(readers));
  return ({ key, value }) => {
    const read = known.get(key.toString("latin1"));
    if (read === undefined) throw new RangeError("etcd keeps nothing by this name here");
    read(value);
  };
}

function metaReaders(found: Found): Readonly<Record<string, (value: Buffer) => void>> {
  return {
    consistent_index: (value) => (found.consistentIndex = readCounter(value)),
    term: (value) => (found.term = readCounter(value)),
    scheduledCompactRev: (value) => (found.scheduledCompactRevision = readMark(value)),
    finishedCompactRev: (value) => (found.finishedCompactRevision = readMark(value)),
    storageVersion: (value) => (found.storageVersion = readVersion(value)),
    // `raftpb.ConfState`: which members vote. A restore writes its own.
    confState: (value) =>
      void readJson(value, {
        voters: "ids",
        learners: "ids",
        voters_outgoing: "ids",
        learners_next: "ids",
        auto_leave: "flag",
      }),
  };
}

function clusterReaders(found: Found): Readonly<Record<string, (value: Buffer) => void>> {
  return {
    clusterVersion: (value) => (found.clusterVersion = readVersion(value)),
    // `DowngradeInfo`: it stays there, not enabled, when the downgrade is done.
    downgrade: (value) => {
      const info = readJson(value, { "target-version": "text", enabled: "flag" });
      if (info.enabled !== true) return;
      const target = info["target-version"];
      found.downgradeTo = readVersion(Buffer.from(typeof target === "string" ? target : ""));
    },
  };
}

function readMember({ key, value }: Entry): Member {
  const id = readMemberId(key);
  const json = readJson(value, {
    id: "id",
    peerURLs: "texts",
    isLearner: "flag",
    name: "text",
    clientURLs: "texts",
  });
  if (idOf(value) !== id) throw new RangeError("the id in it is not that of its key");
  const texts = (list: unknown) =>
    Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
  return {
    id,
    name: typeof json.name === "string" ? json.name : "",
    peerUrls: texts(json.peerURLs),
    clientUrls: texts(json.clientURLs),
    isLearner: json.isLearner === true,
  };
}

function readRemoved({ key, value }: Entry): bigint {
  if (value.toString("latin1") !== "removed") {
    throw new RangeError(`it has ${value.length} bytes, expected the word "removed"`);
  }
  return readMemberId(key);
}

const ALARMS = new Map([
  [1n, "NOSPACE"],
  [2n, "CORRUPT"],
]);
const MOST_OF_AN_ENUM = 0x7fff_ffffn;

/** `etcdserverpb.AlarmMember`: memberID 1, alarm 2. It is the entry's key; the value is empty. */
function readAlarm({ key, value }: Entry): Alarm {
  const fields = knownFields(key, { 1: "number", 2: "number" });
  const alarm = unsignedField(fields, 2);
  if (alarm > MOST_OF_AN_ENUM || value.length > 0) {
    throw new RangeError("it is no alarm as etcd writes one");
  }
  return {
    memberId: unsignedField(fields, 1),
    alarm: ALARMS.get(alarm) ?? `unknown (${alarm.toString()})`,
  };
}

/** A key for a message: its text, or hex where it is no printable text. */
function printable(key: Buffer): string {
  const text = key.toString();
  if (text.length > 100) return `of ${key.length} bytes`;
  return /^[\x20-\x7e]*$/.test(text) ? `"${visible(text)}"` : `0x${key.toString("hex")}`;
}
