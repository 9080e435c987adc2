/** Reads the server's keys back and compares each with the file: at the backup's revision, or at a later one. */
import type { EtcdClient } from "../client/etcd-client";
import type { Differences } from "../report/report";
import type { Snapshot } from "../snapshot/types";
import { type DifferenceLog, differenceLog } from "./differences";
import type { Plan } from "./plan";
import { readBack } from "./read-back";
import { type Answer, answerOf, type Reachable, tellsLeasesInKeysOnly } from "./server-facts";
import type { VerifyRequest } from "./verify-request";

/** Reads the server's keys back, at the backup's revision or at a later one. */
export interface KeyReader {
  readAll(mode: "stored" | "metadata"): Promise<Answer<ReturnType<DifferenceLog["counts"]>>>;
  /** How many keys are not as in the backup at a later revision, without those whose lease is gone. */
  countNow(revision: number, goneLeases: ReadonlySet<bigint>): Promise<number>;
  /** What differs at the backup's revision; where nothing does, what differed later. */
  differences(): Differences;
}

export function keyReader(
  client: EtcdClient,
  snapshot: Snapshot,
  plan: Plan,
  reachable: Reachable,
  onProgress: VerifyRequest["onProgress"],
): KeyReader {
  const { keys: readable, readRevision } = reachable;
  const then = differenceLog();
  const now = differenceLog();
  const leasesInKeysOnly = tellsLeasesInKeysOnly(reachable);
  const reading = { client, live: snapshot.live, plan, leasesInKeysOnly };
  return {
    async readAll(mode) {
      if ("refused" in readable) return readable;
      const at = { revision: readRevision, mode, differences: then, onProgress };
      const done = await answerOf(readBack({ ...reading, ...at }));
      return "refused" in done ? done : { value: then.counts() };
    },
    async countNow(revision, goneLeases) {
      const mayBeGone = ({ lease }: { readonly lease: bigint }) => goneLeases.has(lease);
      const at = { revision, mode: "metadata", differences: now, mayBeGone } as const;
      await readBack({ ...reading, ...at });
      return now.total;
    },
    differences: () => (then.total > 0 ? then : now).summary(),
  };
}
