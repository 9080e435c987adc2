/** The proof of use in a verification: what comes of a clone of the backup, added to the report of the etcd itself. */
import { boot, type BootResult } from "./boot";
import type { BootRequest } from "./boot-request";
import { openMember } from "../etcd/client/member-client";
import type { Endpoint } from "../etcd/client/endpoint";
import { EtcdError } from "../etcd/client/etcd-error";
import type { Check, Report } from "../etcd/report/report";
import type { Snapshot } from "../etcd/snapshot/snapshot";
import { EtcdProgramsError } from "../machine/programs/programs";
import { MachineError } from "../machine/machine-error";
import { extended } from "./own/members";

/** What is asked for besides the etcd itself. */
export interface UseRequest extends Omit<BootRequest, "main"> {
  readonly snapshot: Snapshot;
  /** The plain file that it was read from. */
  readonly path: string;
  readonly endpoint: Endpoint;
}

/** The report with the checks of the clone, and the one that the etcd of the stack is as it was before. */
export async function proveUse(report: Report, request: UseRequest): Promise<Report> {
  const { snapshot, path, endpoint, signal } = request;
  const before = await heldBy(endpoint, signal);
  let use: Pick<BootResult, "checks" | "phases">;
  try {
    use = await boot({ ...request, main: { snapshot, path } });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EtcdProgramsError) && !(error instanceof MachineError)) throw error;
    use = { checks: [notMade(request, error)], phases: [] };
  }
  const at = typeof before === "string" ? undefined : before.revision;
  const untouched = untouchedCheck(before, await heldBy(endpoint, signal, at));
  // Of the clone's phases two are told; what else it took is the proof of use as well.
  const lives = use.phases.filter(({ name }) => name === "life");
  const rest = use.phases.reduce(
    (sum, { name, seconds }) => (name === "life" ? sum : sum + seconds),
    0,
  );
  return extended(
    report,
    [...use.checks, untouched],
    use.phases.length === 0 ? [] : [{ name: "boot", seconds: rest }, ...lives],
  );
}

/** The clone could not be made here: nothing is said about the backup. */
function notMade({ kubernetes }: UseRequest, error: Error): Check {
  const check =
    kubernetes === "off"
      ? { id: "life-restart", title: "It comes back after a restart" }
      : { id: "kubernetes-ready", title: "kube-apiserver gets ready", expected: "ready" };
  return { ...check, verdict: "not-checked", reason: error.message };
}

/** What the proved etcd holds, at the revision that it has before the clone is made. */
interface Held {
  readonly revision: number;
  readonly hash: number;
  readonly compactRevision: number;
}

/** @param at the revision to be hashed. Default: the one that the store has */
async function heldBy(
  endpoint: Endpoint,
  signal: AbortSignal,
  at?: number,
): Promise<Held | string> {
  const member = openMember(endpoint, signal);
  try {
    const revision = at ?? (await member.status()).revision;
    const { hash, compactRevision } = await member.hashKv(revision);
    return { revision, hash, compactRevision };
  } catch (error) {
    if (error instanceof EtcdError) return error.message;
    throw error;
  } finally {
    member.close();
  }
}

/** Nothing of all that touched the etcd that was proved. What runs out or is written there meanwhile comes after. */
function untouchedCheck(before: Held | string, after: Held | string): Check {
  const check = { id: "untouched", title: "The proved etcd is as before", source: "server" };
  if (typeof before === "string") return { ...check, verdict: "not-checked", reason: before };
  const expected = `HashKV ${before.hash} at ${before.revision}`;
  if (typeof after === "string") {
    return { ...check, verdict: "not-checked", expected, reason: after };
  }
  if (before.compactRevision !== after.compactRevision) {
    const reason = `it was compacted meanwhile, from ${before.compactRevision} to ${after.compactRevision}`;
    return { ...check, verdict: "explained", expected, found: `HashKV ${after.hash}`, reason };
  }
  const verdict = before.hash === after.hash ? "pass" : "fail";
  return { ...check, verdict, expected, found: `HashKV ${after.hash} at ${after.revision}` };
}
