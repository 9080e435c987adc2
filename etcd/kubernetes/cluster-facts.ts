/** Whose store it is and of when, for people: cluster, version, nodes, and the last sign of life in it. */
import { withPrefix } from "../wire/sorted-keys";
import { clusterIdentity, ROOTS, type ClusterIdentity, type KeyReader } from "./cluster-identity";
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

const NODES_NAMED = 100;
/**
 * Leases whose values are read: those that were written last. A renewal is a write, so only clocks that differ by more than
 * the time in which so many nodes renew could hide a later one.
 */
const LEASES_READ = 100;

/** What a store tells; undefined where it is no store of Kubernetes. */
export function clusterFacts(live: KeyReader): ClusterFacts | undefined {
  const identity = clusterIdentity(live);
  if (identity.cluster === undefined) return undefined;
  const nodeNames: string[] = [];
  let nodes = 0;
  let newest = 0;
  for (const root of ROOTS) {
    const [first, end] = withPrefix(live, Buffer.from(`${root}/minions/`));
    nodes += end - first;
    for (let i = first; i < end && nodeNames.length < NODES_NAMED; i++) {
      nodeNames.push(lastPart(live.key(i)));
    }
    const leases = lastWritten(live, `${root}/leases/`);
    newest = Math.max(newest, ...leases.map((i) => renewedAt(live.value(i))));
  }
  return {
    ...identity,
    nodes,
    nodeNames,
    ...(newest > 0 && { lastRenewal: new Date(newest).toISOString() }),
  };
}

/** Of the keys with a prefix, the numbers of those that were written last: `LEASES_READ` at most. */
function lastWritten(live: KeyReader, prefix: string): readonly number[] {
  let kept: number[] = [];
  let bound = 0;
  const keepNewest = (): void => {
    kept.sort((a, b) => live.modRevision(b) - live.modRevision(a));
    kept = kept.slice(0, LEASES_READ);
    if (kept.length === LEASES_READ) bound = live.modRevision(kept.at(-1) ?? 0);
  };
  const [first, end] = withPrefix(live, Buffer.from(prefix));
  for (let i = first; i < end; i++) {
    if (live.modRevision(i) <= bound) continue;
    kept.push(i);
    // Seldom: most of a large store are older than those that are kept.
    if (kept.length === 10 * LEASES_READ) keepNewest();
  }
  keepNewest();
  return kept;
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
