/** A member of etcd that is asked by etcdctl in a container, and whose snapshot goes over a file there. */
import { z } from "zod";
import type { MemberHash } from "../etcd/client/member-client";
import type { Source, SourceState } from "../etcd/backup/take/source";
import { size } from "../etcd/wire/figures";
import { ClusterError } from "./cluster-error";
import { describeFile, execIn, fileThere, type FileThere, type Target } from "./in-pod";
import type { Kubectl } from "./kubectl";

/** Where etcdctl runs, and where its file is read. */
export interface EtcdctlPlaces {
  readonly asker: Target;
  /** With cat, sha256sum, wc, df and rm. */
  readonly reader: Target;
  /** The same folder as both see it. */
  readonly askerFolder: string;
  readonly readerFolder: string;
  /** The file's name in it. */
  readonly file: string;
  /** Of etcdctl: endpoint and certificates. */
  readonly flags: readonly string[];
}

/** Beside the snapshot its folder keeps this much free. */
const SPARE_BYTES = 64 * 2 ** 20;

const integer = z.union([z.string(), z.number()]);
const Header = z.object({ cluster_id: integer, member_id: integer, revision: integer });
const StatusAnswer = z.tuple([
  z.object({ Status: z.object({ header: Header, version: z.string(), dbSize: integer }) }),
]);
const HashAnswer = z.tuple([
  z.object({
    HashKV: z.object({
      header: z.object({ revision: integer.optional() }).optional(),
      hash: integer.optional(),
      compact_revision: integer.optional(),
      hash_revision: integer.optional(),
    }),
  }),
]);

/** Reads JSON whose integers may pass 2^53: those with more than 15 digits become strings. */
function exactJson(answer: string): unknown {
  return JSON.parse(answer.replace(/([:[,]\s*)(-?\d{16,})(?=\s*[,}\]])/g, '$1"$2"'));
}

/**
 * The member as a source. Its snapshot is saved once and may be fetched several times, until it came whole; `remove`
 * takes it away.
 */
export function etcdctlSource(
  kubectl: Kubectl,
  places: EtcdctlPlaces,
): Source & { remove(): Promise<void> } {
  const { asker, reader, flags } = places;
  const path = {
    asker: `${places.askerFolder}/${places.file}`,
    reader: `${places.readerFolder}/${places.file}`,
  };
  let saved: Promise<FileThere> | undefined;
  let dbBytes = 0;
  const etcdctl = (doing: string, ...words: readonly string[]) =>
    execIn(kubectl, asker, ["etcdctl", ...flags, ...words], `${doing} in ${asker.pod}`);

  async function save(): Promise<FileThere> {
    await assertRoom(kubectl, reader, places.readerFolder, dbBytes);
    await etcdctl("saving a snapshot", "snapshot", "save", path.asker);
    return describeFile(kubectl, reader, path.reader);
  }

  return {
    async status() {
      const argv = ["endpoint", "status", "-w", "json"];
      const told = statusOf(await etcdctl("asking etcd for its status", ...argv));
      dbBytes = told.dbBytes;
      return told;
    },
    async hashKv(revision) {
      const argv = ["endpoint", "hashkv", `--rev=${revision}`, "-w", "json"];
      return hashOf(await etcdctl("asking etcd for its hash", ...argv), revision);
    },
    async *snapshot() {
      saved ??= save();
      yield* fileThere(kubectl, reader, path.reader, await saved);
    },
    async remove() {
      const argv = ["rm", "-f", path.reader, `${path.reader}.part`];
      await execIn(kubectl, reader, argv, `removing our file from ${reader.pod}`, true);
    },
  };
}

/** What `etcdctl endpoint status -w json` says. @throws z.ZodError, SyntaxError when it is another program's answer */
function statusOf(answer: string): SourceState {
  const [{ Status }] = StatusAnswer.parse(exactJson(answer));
  const { version, header, dbSize } = Status;
  return {
    version,
    clusterId: BigInt(header.cluster_id),
    memberId: BigInt(header.member_id),
    revision: Number(header.revision),
    dbBytes: Number(dbSize),
  };
}

/**
 * What `etcdctl endpoint hashkv -w json` says. @throws as `statusOf`
 * @param asked the revision that was asked for; 0 is the newest
 */
function hashOf(answer: string, asked: number): MemberHash {
  const [{ HashKV }] = HashAnswer.parse(exactJson(answer));
  const told = Number(HashKV.hash_revision ?? 0);
  const newest = Number(HashKV.header?.revision ?? 0);
  return {
    hash: Number(HashKV.hash ?? 0),
    compactRevision: Math.max(0, Number(HashKV.compact_revision ?? 0)),
    revision: told > 0 ? told : asked > 0 ? asked : newest,
  };
}

/** @throws ClusterError when a folder there has no room for a snapshot: etcd's own data may lie beside it */
async function assertRoom(
  kubectl: Kubectl,
  reader: Target,
  folder: string,
  bytes: number,
): Promise<void> {
  const answer = await execIn(
    kubectl,
    reader,
    ["df", "-Pk", folder],
    `asking ${reader.pod} for free space`,
  );
  const kib = Number(/\s(\d+)\s+\d+%/.exec(answer)?.[1] ?? Number.NaN);
  if (kib * 1024 >= bytes + SPARE_BYTES) return;
  const free = Number.isNaN(kib)
    ? "does not tell how much is free"
    : `has ${size(kib * 1024)} free`;
  throw new ClusterError(
    "environment",
    `no room for a snapshot of ${size(bytes)} in ${folder} of ${reader.pod}, which ${free}`,
    true,
  );
}
