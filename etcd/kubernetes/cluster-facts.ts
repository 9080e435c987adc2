/** Whose store it is and of when, for people: cluster, version, nodes, and the last sign of life in it. */
import { clusterIdentity, type ClusterIdentity, type KeyReader } from "./cluster-identity";
import { decodeObject, UndecodableError } from "./decode";
import { isJsonObject } from "./json";

export interface ClusterFacts extends ClusterIdentity {
  readonly nodes: number;
  /** The first hundred, in the order of their names. */
  readonly nodeNames: readonly string[];
  /**
   * Newest `renewTime` of the Leases that were written last, ISO 8601: kubelets and controllers renew theirs every few seconds, so the backup was
   * taken a moment later, whatever the file's own date says. Absent where there is none.
   */
  readonly lastRenewal?: string;
}

const ROOTS = ["/registry", "/kubernetes.io"];
const NODES_NAMED = 100;
/**
 * Leases whose values are read: those that were written last. A renewal is a write, so only clocks that differ by more than
 * the time in which so many nodes renew could hide a later one.
 */
const LEASES_READ = 100;

/** A Lease by its number among the live keys, and the revision at which it was written. */
interface Renewal {
  readonly i: number;
  readonly revision: number;
}

/** What a store tells; undefined where it is no store of Kubernetes. */
export function clusterFacts(live: KeyReader): ClusterFacts | undefined {
  const identity = clusterIdentity(live);
  if (identity.cluster === undefined) return undefined;
  const nodeNames: string[] = [];
  const renewals: Renewal[] = [];
  let nodes = 0;
  for (const root of ROOTS) {
    for (const i of below(live, `${root}/minions/`)) {
      nodes += 1;
      if (nodeNames.length < NODES_NAMED) nodeNames.push(lastPart(live.key(i)));
    }
    for (const i of below(live, `${root}/leases/`))
      renewals.push({ i, revision: live.metadata(i).modRevision });
  }
  renewals.sort((a, b) => b.revision - a.revision);
  const newest = Math.max(
    0,
    ...renewals.slice(0, LEASES_READ).map(({ i }) => renewedAt(live.value(i))),
  );
  return {
    ...identity,
    nodes,
    nodeNames,
    ...(newest > 0 && { lastRenewal: new Date(newest).toISOString() }),
  };
}

function* below(live: KeyReader, prefix: string): Generator<number> {
  const bytes = Buffer.from(prefix);
  const found = live.indexOf(bytes);
  for (let i = found < 0 ? -1 - found : found; i < live.count; i++) {
    if (!live.key(i).subarray(0, bytes.length).equals(bytes)) return;
    yield i;
  }
}

function lastPart(key: Buffer): string {
  return key.toString().split("/").at(-1) ?? "";
}

/** `spec.renewTime` in milliseconds; 0 where there is none, or it is encrypted. */
function renewedAt(value: Buffer): number {
  try {
    const { spec } = decodeObject(value).object;
    const renewTime = isJsonObject(spec) ? spec.renewTime : undefined;
    const time = typeof renewTime === "string" ? Date.parse(renewTime) : NaN;
    return Number.isNaN(time) ? 0 : time;
  } catch (error) {
    if (error instanceof UndecodableError) return 0;
    throw error;
  }
}
