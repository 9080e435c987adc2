/**
 * The form of a manifest. It is made when the first manifest is read: most backups have none, and zod is a third of what
 * `inspect` and `ls` would load.
 */
import type { z as zod } from "zod";
import { libraries } from "./libraries";
import { signatureForm } from "./seal";
import { lazily } from "../wire/lazily";

type Z = typeof zod;

/** The form of a manifest; `manifest.schema.json` is the same for other programs. */
export const manifestForm = lazily(() => {
  const z = libraries.zod();
  return z.object({
    schemaVersion: z.literal(1),
    tool: z.string().optional(),
    /** ISO 8601. */
    takenAt: z.iso.datetime({ offset: true }),
    /** Of the whole snapshot in hex, before it was packed. */
    sha256: sha256(z),
    bytes: count(z),
    /** The packed file, where it is packed. */
    packed: z
      .object({ format: z.enum(["gzip", "zstd"]), sha256: sha256(z), bytes: count(z) })
      .optional(),
    source: sourceForm(z),
    members: z.array(memberForm(z)).optional(),
    /** Of a backup of etcd's old v2 store; `sha256` is then of the archive that is restored of it, whatever it is kept in. */
    v2: v2Form(z).optional(),
    kubernetes: z
      .object({
        version: z.string().optional(),
        cluster: z.enum(["main", "events"]).optional(),
        /** UID of the namespace kube-system. */
        uid: z.string().optional(),
      })
      .optional(),
    signature: signatureForm(z).optional(),
  });
});

export type ManifestMember = zod.infer<ReturnType<typeof memberForm>>;
export type ManifestSource = zod.infer<ReturnType<typeof sourceForm>>;
/** A manifest's content, before it is signed and as it stands in its file. */
export type ManifestContent = zod.infer<ReturnType<typeof manifestForm>>;

/** What one member answered when all were asked; fields that it did not tell are left out. */
function memberForm(z: Z) {
  return z.object({
    endpoint: z.string(),
    memberId: id(z).optional(),
    name: z.string().optional(),
    version: z.string().optional(),
    role: z.enum(["leader", "follower", "learner"]).optional(),
    revision: count(z).optional(),
    /** The log's last entry, and the last one carried out: strings, for they may pass 2^53. */
    raftIndex: z.string().regex(/^\d+$/).optional(),
    appliedIndex: z.string().regex(/^\d+$/).optional(),
    dbBytes: count(z).optional(),
    freeBytes: count(z).optional(),
    quotaBytes: count(z).optional(),
    alarms: z.array(z.string()).optional(),
    hash: z.object({ revision: count(z), compactRevision: count(z), hashKv: hashKv(z) }).optional(),
    /** Why it was not taken, or could not be asked. */
    problem: z.string().optional(),
  });
}

const PAIR = ["hashKv", "hashKvRevision", "compactRevision"] as const;

function sourceForm(z: Z) {
  return z
    .object({
      /** One of the two: where it was asked. */
      endpoint: z.string().optional(),
      pod: z.string().optional(),
      /** Or the directory that it was copied from. */
      dataDirectory: z.string().optional(),
      /** The machine that it is on, where it came over SSH. */
      host: z.string().optional(),
      clusterId: id(z).optional(),
      memberId: id(z).optional(),
      memberName: z.string().optional(),
      etcdVersion: z.string().optional(),
      revision: count(z),
      compactRevision: count(z).optional(),
      hashKv: hashKv(z).optional(),
      hashKvRevision: count(z).optional(),
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
}

/** What a backup of a v2 store holds. */
function v2Form(z: Z) {
  return z.object({
    ...{ keys: count(z), folders: count(z), hidden: count(z), withTtl: count(z) },
    /** The store's count of changes, `X-Etcd-Index`. */
    index: count(z),
    /** Of the v3 store beside it, taken along. */
    v3Keys: count(z),
    /** Of the v3 store, left out because that was asked for; absent where nothing was, or nobody could count them. */
    v3KeysLeftOut: count(z).optional(),
  });
}

const count = (z: Z) => z.int().nonnegative();
const sha256 = (z: Z) => z.string().regex(/^[0-9a-fA-F]{64}$/);
const hashKv = (z: Z) => count(z).max(0xffffffff);
/** etcd's ids pass 2^53: in hex, as etcdctl prints them. */
const id = (z: Z) => z.string().regex(/^[0-9a-f]{1,16}$/);

/** The form of a manifest as JSON Schema: what `manifest.schema.json` holds for other programs. */
export function manifestJsonSchema(): object {
  return {
    title: "Manifest of an etcd backup (FILE.json)",
    ...libraries.zod().toJSONSchema(manifestForm(), { io: "input" }),
  };
}
