/**
 * Whether a restored store lives: it comes back after a restart, takes every kind of write, forgets what it is told to,
 * gives a good backup of itself, and another member can join it. On a clone, which is thrown away.
 */
import { randomBytes } from "node:crypto";
import { EtcdError } from "../etcd/client/etcd-error";
import type { Check } from "../etcd/report/report";
import { MachineError } from "../machine/machine-error";
import type { Clone } from "./clone";
import type { Enclosure } from "./enclosure";
import { openLife } from "./life-calls";
import {
  compaction,
  defragmentation,
  type Finding,
  lease,
  type Life,
  member,
  put,
  restart,
  snapshot,
  transaction,
  watchNew,
  watchOld,
} from "./life-steps";

/** A user that is asked as, instead of root's certificate. */
export interface LifeUser {
  readonly username: string;
  readonly password: string;
}

type Step = (life: Life) => Promise<Finding>;

/** In this order: what compacts comes after what reads old revisions. */
const STEPS: readonly (readonly [id: string, title: string, step: Step])[] = [
  ["life-restart", "It comes back after a restart", restart],
  ["life-put", "It takes a put", put],
  ["life-transaction", "It takes a transaction", transaction],
  ["life-watch", "It delivers to a watch", watchNew],
  ["life-old-watch", "A watch from an old revision", watchOld],
  ["life-lease", "A lease runs out and takes its key", lease],
  ["life-compaction", "It compacts", compaction],
  ["life-defragmentation", "It defragments", defragmentation],
  ["life-snapshot", "A backup of it is whole", snapshot],
  ["life-member", "A member joins and leaves", member],
];

/**
 * Leads a clone through a life; a check for each step. A step that fails is a failed check, not an error; what comes
 * after a store that does not come back is not checked.
 */
export async function liveOn(
  enclosure: Enclosure,
  clone: Clone,
  user: LifeUser | undefined,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const endpoint = { ...clone.endpoint, ...user };
  const calls = openLife(endpoint, signal);
  const key = `etcd-restore/life/${randomBytes(8).toString("hex")}`;
  const life: Life = { enclosure, clone, endpoint, calls, key, signal };
  const checks: Check[] = [];
  let dead: string | undefined;
  try {
    for (const [id, title, step] of STEPS) {
      tell(`life: ${title}`);
      const check = await checkOf({ id, title, source: "file" }, () => step(life), dead, signal);
      if (id === "life-restart" && check.verdict === "fail") dead = "it did not come back";
      checks.push(check);
    }
  } finally {
    calls.close();
  }
  return checks;
}

async function checkOf(
  check: Pick<Check, "id" | "title" | "source">,
  step: () => Promise<Finding>,
  dead: string | undefined,
  signal: AbortSignal,
): Promise<Check> {
  if (dead !== undefined) return { ...check, verdict: "not-checked", reason: dead };
  try {
    const { good, ...found } = await step();
    return { ...check, verdict: good ? "pass" : "fail", ...found };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EtcdError && error.kind === "denied") {
      const reason = `the user may not: ${error.message}`;
      return { ...check, verdict: "not-checked", reason };
    }
    if (!(error instanceof EtcdError) && !(error instanceof MachineError)) throw error;
    return { ...check, verdict: "fail", found: "refused", reason: error.message };
  }
}
