/** Whether a v2 store can be restored, and by which etcd. */
import { compareVersions } from "../../snapshot/judgement";
import type { V2Store } from "./v2-backup";

/** The newest etcd that has a v2 store: what one is restored with unless another is wished for. */
export const NEWEST_WITH_V2 = "3.5";

/** Whether an etcd of this version, `3.5` or `3.5.21`, has a v2 store. */
export function hasV2Store(version: string): boolean {
  const minor = version.split(".").slice(0, 2).join(".");
  return compareVersions(minor, NEWEST_WITH_V2) <= 0;
}

/**
 * Why a database with keys cannot go with the log and the snapshot that lie beside it; undefined when it can.
 * @param applied raft index of the last entry that is in it
 */
export function databaseProblem({ snapshotIndex }: V2Store, applied: number): string | undefined {
  if (applied >= snapshotIndex) return undefined;
  return (
    `its database is older than the rest: it holds what was asked up to raft index ${applied}, the snapshot of the v2 ` +
    `store is of ${snapshotIndex}. They were copied at different times; stop etcd, and copy its directory again`
  );
}
