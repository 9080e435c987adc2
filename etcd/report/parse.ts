import { z } from "zod";

import { PHASE_NAMES, type Report } from "./report";

const count = z.int().nonnegative();
const uint32 = z.uint32();
const seconds = z.number().nonnegative();
const moment = z.iso.datetime();

const check = z.strictObject({
  id: z.string(),
  title: z.string(),
  verdict: z.enum(["pass", "fail", "explained", "not-checked"]),
  expected: z.string().exactOptional(),
  found: z.string().exactOptional(),
  source: z.string().exactOptional(),
  reason: z.string().exactOptional(),
});

const keyDifference = z.strictObject({
  key: z.string(),
  difference: z.enum(["missing", "extra", "changed"]),
  fields: z
    .array(
      z.enum([
        ...(["createRevision", "modRevision", "version", "lease", "value"] as const),
        ...(["createdIndex", "modifiedIndex", "expiration"] as const),
      ]),
    )
    .exactOptional(),
});

const drill = z.strictObject({
  name: z.string(),
  target: z.enum(["local", "openstack"]),
  source: z.string(),
  taken: z.strictObject({ at: moment, from: z.string(), ageSeconds: seconds }).exactOptional(),
  passedOver: z
    .array(z.strictObject({ name: z.string(), reason: z.string() }))
    .max(20)
    .exactOptional(),
  random: z.strictObject({ seed: z.string(), among: count }).exactOptional(),
  history: z
    .strictObject({
      drills: count,
      lastPass: moment.exactOptional(),
      statement: z.string().exactOptional(),
      recent: z
        .array(
          z.strictObject({
            startedAt: moment,
            verdict: z.enum(["pass", "fail", "incomplete"]),
            seconds,
            keys: count.exactOptional(),
          }),
        )
        .max(90),
    })
    .exactOptional(),
});

const encryption = z.strictObject({
  encrypted: count,
  opened: count,
  stale: count,
  keys: z.array(
    z.strictObject({
      ...{ provider: z.string(), version: z.string(), name: z.string(), place: z.string() },
      ...{ values: count, stale: count },
    }),
  ),
  plain: z.array(z.strictObject({ resource: z.string(), objects: count })),
  impossible: z.strictObject({
    total: count,
    keys: z.array(z.strictObject({ key: z.string(), failure: z.string() })).max(100),
  }),
});

/** Every field of a report: one that were left out here would make reports that nobody can read again. */
const fields = {
  schemaVersion: z.literal(1),
  tool: z.string(),
  verdict: z.enum(["pass", "fail", "incomplete"]),
  level: z.enum(["quick", "standard", "full"]),
  stack: z.string().exactOptional(),
  ranOn: z.strictObject({ host: z.string(), pipeline: z.string().exactOptional() }).exactOptional(),
  ended: z.strictObject({ phase: z.enum(PHASE_NAMES), reason: z.string() }).exactOptional(),
  startedAt: moment,
  seconds,
  snapshot: z.strictObject({
    file: z.string(),
    sha256: z.union([z.hex().length(64), z.literal("")]),
    bytes: count,
    revision: count,
    compactRevision: count,
    keys: count,
    hashKv: uint32,
    etcdVersion: z.string(),
  }),
  source: z
    .strictObject({ revision: count, hashKv: uint32.exactOptional(), takenAt: moment })
    .exactOptional(),
  v2: z
    .strictObject({
      ...{ keys: count, folders: count, hidden: count, withTtl: count, index: count },
      same: z.strictObject({ keys: count, folders: count }),
      servedIndex: count,
    })
    .exactOptional(),
  cluster: z
    .strictObject({
      uid: z.string().exactOptional(),
      kubernetesVersion: z.string().exactOptional(),
      nodes: count,
      lastRenewal: z.string().exactOptional(),
    })
    .exactOptional(),
  encryption: encryption.exactOptional(),
  restored: z.strictObject({
    endpoint: z.string(),
    revision: count,
    compactRevision: count,
    keys: count,
    hashKv: uint32,
    etcdVersion: z.string(),
    clusterId: z.string(),
  }),
  members: z
    .array(
      z.strictObject({
        ...{ name: z.string(), id: z.string(), endpoint: z.string(), etcdVersion: z.string() },
        ...{ revision: count, hashKv: uint32 },
      }),
    )
    .exactOptional(),
  phases: z.array(
    z.strictObject({
      name: z.enum(PHASE_NAMES),
      seconds,
    }),
  ),
  checks: z.array(check),
  differences: z.strictObject({
    total: count,
    byPrefix: z.array(
      z.strictObject({ prefix: z.string(), missing: count, extra: count, changed: count }),
    ),
    keys: z.array(z.string()).max(100),
    details: z.array(keyDifference).max(100),
  }),
  drill: drill.exactOptional(),
} satisfies Record<keyof Required<Report>, z.ZodType>;

/** Strict: a field that is not named here could hold what must not be printed. */
const report: z.ZodType<Report> = z.strictObject(fields);

/**
 * Reads a report from its JSON.
 * @param origin names it in an error, the file's path for example.
 * @throws Error naming every field that is not as it must be.
 */
export function parseReport(json: string, origin: string): Report {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    throw new Error(
      `${origin} is no report: ${error instanceof Error ? error.message : "no JSON"}`,
    );
  }
  const result = report.safeParse(data);
  if (!result.success) {
    throw new Error(
      `${origin} is no report of etcd-restore (schemaVersion 1):\n${z.prettifyError(result.error)}`,
    );
  }
  return result.data;
}
