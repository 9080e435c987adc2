/**
 * What the etcd of a stack goes through after its proof, member by member: each must come back and hold what it held, and
 * what comes after one that was lost is not checked.
 */
import { bumped } from "../../etcd/proof/bumped";
import type { Endpoint } from "../../etcd/client/endpoint";
import { EtcdError } from "../../etcd/client/etcd-error";
import { wallClock } from "../../etcd/report/end";
import type { Check, MemberSummary, Phase, Report } from "../../etcd/report/report";
import { overallVerdict } from "../../etcd/report/verdict";
import type { Snapshot } from "../../etcd/snapshot/snapshot";
import { MachineError } from "../../machine/machine-error";

export interface OwnMembers {
  readonly snapshot: Snapshot;
  /** By how much the revision was bumped at the restore. Default: it was not. */
  readonly bumpedBy?: number | undefined;
  readonly endpoints: readonly Endpoint[];
  /** What each of them told in the proof; undefined for one that did not serve. Default: it is alone, and did. */
  readonly told?: readonly (MemberSummary | undefined)[];
  /** Told what begins. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What they go through, in words. */
export interface Ordeal {
  /** Of its check; of several members each gets its number. */
  readonly id: string;
  readonly title: string;
  /** As in `restart: …`. */
  readonly verb: string;
  /** Why one after a lost one is not checked. */
  readonly lost: string;
}

/** What a member holds that has come back. */
export interface CameBack {
  /** The comparison of its hash with the file's. */
  readonly hash: Pick<Check, "verdict" | "expected" | "found" | "reason">;
  /** Whether the others served meanwhile. */
  readonly othersServed?: boolean;
}

/**
 * The report with a check for each member, and with the time that it took in its life. Where one does not serve no other is
 * taken away: those that are left could lose their majority, and with it whoever uses them.
 */
export async function proveOneByOne(
  report: Report,
  { endpoints, told = [], snapshot: file, bumpedBy, tell, signal }: OwnMembers,
  { id, title, verb, lost }: Ordeal,
  one: (at: number, snapshot: Snapshot) => Promise<CameBack>,
): Promise<Report> {
  const began = Date.now();
  const snapshot = bumpedBy === undefined ? file : bumped(file, bumpedBy);
  const checks: Check[] = [];
  const alone = endpoints.length === 1;
  const silent = alone ? [] : endpoints.filter((_, at) => told[at] === undefined);
  const away = silent.map(({ url }) => url).join(", ");
  const unsafe =
    away === "" ? undefined : `${away} does not serve: no other member is taken away beside it`;
  for (const [at, { url }] of endpoints.entries()) {
    const name = told[at]?.name ?? url;
    const check = {
      id: alone ? id : `${id}-${at + 1}`,
      title: `${title}${alone ? "" : `: ${name}`}`,
      source: "file",
    };
    const reason = unsafe ?? (checks.every(({ verdict }) => verdict === "pass") ? undefined : lost);
    if (reason !== undefined) {
      checks.push({ ...check, verdict: "not-checked", reason });
      continue;
    }
    tell(`${verb}: ${check.title}`);
    checks.push({ ...(await found(() => one(at, snapshot), signal)), ...check });
    signal.throwIfAborted();
  }
  return extended(report, checks, [{ name: "life", seconds: (Date.now() - began) / 1000 }]);
}

async function found(
  comeBack: () => Promise<CameBack>,
  signal: AbortSignal,
): Promise<Omit<Check, "id" | "title" | "source">> {
  const began = Date.now();
  try {
    const { hash, othersServed } = await comeBack();
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    const served = othersServed === true ? "the others serve, " : "";
    return {
      ...hash,
      expected: `${served}HashKV ${hash.expected ?? ""}`,
      found: `${served}HashKV ${hash.found ?? "not told"}, in ${seconds} s`,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EtcdError) && !(error instanceof MachineError)) throw error;
    return { verdict: "fail", found: "it does not serve", reason: error.message };
  }
}

/** A report with what was checked after it, and how long that took: all that belongs to the life is one phase, the last. */
export function extended(report: Report, more: readonly Check[], took: readonly Phase[]): Report {
  const checks = [...report.checks, ...more];
  const all = [...report.phases, ...took];
  const lives = all.filter(({ name }) => name === "life");
  const life = lives.reduce((sum, { seconds }) => sum + seconds, 0);
  const phases = [
    ...all.filter(({ name }) => name !== "life"),
    ...(lives.length === 0 ? [] : [{ name: "life" as const, seconds: life }]),
  ];
  const seconds = wallClock(new Date(report.startedAt), phases);
  return { ...report, verdict: overallVerdict(checks), seconds, phases, checks };
}
