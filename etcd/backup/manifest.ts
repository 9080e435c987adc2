/** The manifest `FILE.json` beside a backup: what the source said of itself when the backup was taken. */
import * as fs from "node:fs";
import { z } from "zod";
import { readPlainText } from "../../files/plain-file";
import { visible } from "../wire/visible";
import { checkSeal, signatureSchema, type Seal } from "./seal";

const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-fA-F]{64}$/);
/** etcd's ids pass 2^53: in hex, as etcdctl prints them. */
const id = z.string().regex(/^[0-9a-f]{1,16}$/);

const hashKv = count.max(0xffffffff);

/** What one member answered when all were asked; fields that it did not tell are left out. */
const memberSchema = z.object({
  endpoint: z.string(),
  memberId: id.optional(),
  name: z.string().optional(),
  version: z.string().optional(),
  role: z.enum(["leader", "follower", "learner"]).optional(),
  revision: count.optional(),
  /** The log's last entry, and the last one carried out: strings, for they may pass 2^53. */
  raftIndex: z.string().regex(/^\d+$/).optional(),
  appliedIndex: z.string().regex(/^\d+$/).optional(),
  dbBytes: count.optional(),
  freeBytes: count.optional(),
  quotaBytes: count.optional(),
  alarms: z.array(z.string()).optional(),
  hash: z.object({ revision: count, compactRevision: count, hashKv }).optional(),
  /** Why it was not taken, or could not be asked. */
  problem: z.string().optional(),
});

const PAIR = ["hashKv", "hashKvRevision", "compactRevision"] as const;

const sourceSchema = z
  .object({
    /** One of the two: where it was asked. */
    endpoint: z.string().optional(),
    pod: z.string().optional(),
    /** Or the directory that it was copied from. */
    dataDirectory: z.string().optional(),
    clusterId: id.optional(),
    memberId: id.optional(),
    memberName: z.string().optional(),
    etcdVersion: z.string().optional(),
    revision: count,
    compactRevision: count.optional(),
    hashKv: hashKv.optional(),
    hashKvRevision: count.optional(),
    /** Why there is no HashKV that speaks of the file. */
    notComparable: z.string().optional(),
  })
  .superRefine((source, context) => {
    if (source.notComparable !== undefined) return;
    for (const field of PAIR.filter((name) => source[name] === undefined)) {
      const message = "is missing, and there is no notComparable that says why";
      context.addIssue({ code: "custom", path: [field], message });
    }
  })
  .meta({ anyOf: [{ required: [...PAIR] }, { required: ["notComparable"] }] });

/** What a backup of a v2 store holds. */
const v2Schema = z.object({
  ...{ keys: count, folders: count, hidden: count, withTtl: count },
  /** The store's count of changes, `X-Etcd-Index`. */
  index: count,
  /** Of the v3 store beside it, taken along. */
  v3Keys: count,
  /** Of the v3 store, left out because that was asked for; absent where nothing was, or nobody could count them. */
  v3KeysLeftOut: count.optional(),
});

/** The form of a manifest; `manifest.schema.json` is the same for other programs. */
export const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  tool: z.string().optional(),
  /** ISO 8601. */
  takenAt: z.iso.datetime({ offset: true }),
  /** Of the whole snapshot in hex, before it was packed. */
  sha256,
  bytes: count,
  /** The packed file, where it is packed. */
  packed: z.object({ format: z.enum(["gzip", "zstd"]), sha256, bytes: count }).optional(),
  source: sourceSchema,
  members: z.array(memberSchema).optional(),
  /** Of a backup of etcd's old v2 store; `sha256` is then of the archive that is restored of it, whatever it is kept in. */
  v2: v2Schema.optional(),
  kubernetes: z
    .object({
      version: z.string().optional(),
      cluster: z.enum(["main", "events"]).optional(),
      /** UID of the namespace kube-system. */
      uid: z.string().optional(),
    })
    .optional(),
  signature: signatureSchema.optional(),
});

export type ManifestMember = z.infer<typeof memberSchema>;
export type ManifestSource = z.infer<typeof sourceSchema>;
/** A manifest's content, before it is signed and as it stands in its file. */
export type ManifestContent = z.infer<typeof manifestSchema>;

/** A manifest that was read. */
export interface Manifest extends ManifestContent {
  /** Whether it is as it was signed, and by which key. @default it is not signed */
  readonly seal?: Seal | undefined;
}

/** A manifest that is there and cannot be used; the message names file and fields. */
export class ManifestError extends Error {}

/** Name of the manifest of a backup. */
export function manifestFileOf(backupFile: string): string {
  return `${backupFile}.json`;
}

/** The HashKV of the source and what it is of; undefined where none speaks of the file. */
export function hashPairOf({ source }: ManifestContent) {
  const { hashKv: hash, hashKvRevision: revision, compactRevision, notComparable } = source;
  return notComparable !== undefined ||
    hash === undefined ||
    revision === undefined ||
    compactRevision === undefined
    ? undefined
    : { hash, revision, compactRevision };
}

/** A file where a manifest would be. */
export type Found =
  | { readonly kind: "ours"; readonly manifest: Manifest }
  /** JSON of somebody else, as `etcdutl snapshot status -w json`, k3s and kops put it there. */
  | { readonly kind: "foreign"; readonly file: string };

/** Fields by which a manifest is known, also when others are wrong. */
const OURS = ["schemaVersion", "takenAt", "source"];
const WAY_OUT = "Fetch it again from where it was stored; without it, the proof begins at the file";

/** Reads the manifest of a backup, as `findManifest` does; undefined when there is none of ours. */
export function readManifest(backupFile: string): Manifest | undefined {
  const found = findManifest(backupFile);
  return found?.kind === "ours" ? found.manifest : undefined;
}

/**
 * Looks for the manifest of a backup; undefined when there is no such file.
 * @throws ManifestError when there is one of ours that cannot be read: a proof must not silently begin later than it
 * could.
 */
export function findManifest(backupFile: string): Found | undefined {
  return findManifestIn(manifestFileOf(backupFile));
}

/** The same of a manifest's own file. */
export function findManifestIn(file: string): Found | undefined {
  if (!fs.existsSync(file)) return undefined;
  const content = jsonOf(file);
  const isObject = typeof content === "object" && content !== null;
  if (!isObject || OURS.filter((field) => field in content).length < 2) {
    return { kind: "foreign", file };
  }
  const parsed = manifestSchema.safeParse(content);
  // The seal is of the file as it is, with what others may have added to it.
  if (parsed.success)
    return { kind: "ours", manifest: { ...parsed.data, seal: checkSeal(content) } };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new ManifestError(
    visible(`the manifest ${file} is not one: ${problems.join("; ")}. ${WAY_OUT}`),
  );
}

function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readPlainText(file));
  } catch (error) {
    const problem =
      error instanceof SyntaxError ? "it is no JSON, or cut off" : (error as Error).message;
    throw new ManifestError(visible(`cannot read the manifest ${file}: ${problem}. ${WAY_OUT}`));
  }
}

/** The form of a manifest as JSON Schema: what `manifest.schema.json` holds for other programs. */
export function manifestJsonSchema(): object {
  return {
    title: "Manifest of an etcd backup (FILE.json)",
    ...z.toJSONSchema(manifestSchema, { io: "input" }),
  };
}
