/**
 * The restores of a cluster's members, in step: each member's `restore.sh --in-step` stops at the same places, so that
 * all of them serve the backup, or each what it had before.
 */
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import * as readline from "node:readline";
import * as z from "zod";
import { RestoreResult } from "./result";

/** A run of `restore.sh --in-step yes` for one member. */
export interface MemberRun {
  /** The next line of JSON that it prints; undefined when it prints no more. */
  next(): Promise<unknown>;
  /** Tells it the word that it waits for. */
  tell(word: string): void;
  /** No more words come: it puts back what was there, unless it has ended. */
  letGo(): void;
  /** Its exit code, when it has ended; one that a signal ended has 255. */
  readonly ended: Promise<number>;
}

export interface Member {
  readonly name: string;
  begin(): Promise<MemberRun>;
  /** Brings the backup to where the restore looks for it; called when it is needed. */
  bringSnapshot(): Promise<void>;
}

const TOKEN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const Place = z.union([
  z.object({ at: z.literal("found"), token: z.union([z.string().regex(TOKEN), z.literal("")]) }),
  z.object({ at: z.enum(["stopping", "stopped", "serving", "lost"]) }),
]);
type Place = z.infer<typeof Place>;

/** A run together with whose it is. */
interface Walker {
  readonly member: Member;
  readonly run: MemberRun;
}

/** A restore that failed: 1 when a member's store is not the backup's, else 2 or 3, as `restore.sh` has it. */
export class ClusterRestoreError extends Error {
  constructor(
    readonly exitCode: number,
    message: string,
  ) {
    super(message);
  }
}

/** One member's restore ended before its time; it has said on stderr why, unless it was killed. */
class MemberFailed extends Error {
  constructor(readonly member: string) {
    super(`member ${member} could not be restored`);
  }
}

/** How a restore ends that was killed, or whose machine or connection went: it has put nothing back. */
const WITHOUT_A_WORD = 255;

/**
 * Restores all members, or leaves them as they are where they serve this backup already; a cluster whose members do
 * not come up on the data that they have is restored anew.
 * @returns what each restore printed, in the order of the members
 * @throws ClusterRestoreError when one has failed; then all have what they had before, but for one that was killed
 */
export async function restoreInStep(
  members: readonly Member[],
  signal: AbortSignal,
): Promise<readonly RestoreResult[]> {
  const results = (await attempt(members, signal, false)) ?? (await attempt(members, signal, true));
  if (results !== undefined) return results;
  throw new ClusterRestoreError(3, "the members do not come up on what was restored just now");
}

/** @returns undefined when the members' own data, of one restore though it is, does not come up */
async function attempt(
  members: readonly Member[],
  signal: AbortSignal,
  anew: boolean,
): Promise<readonly RestoreResult[] | undefined> {
  const walkers: Walker[] = [];
  const letGo = (): void => {
    for (const { run } of walkers) run.letGo();
  };
  signal.addEventListener("abort", letGo);
  try {
    for (const member of members) walkers.push({ member, run: await member.begin() });
    return await walk(walkers, anew);
  } catch (error) {
    letGo();
    const ends = await Promise.all(
      walkers.map(async ({ member, run }) => ({ name: member.name, code: await run.ended })),
    );
    signal.throwIfAborted();
    if (!(error instanceof MemberFailed)) throw error;
    const codes = ends.map(({ code }) => code);
    throw new ClusterRestoreError(worst(codes), `${error.message}; ${leftOf(ends)}`);
  } finally {
    letGo();
    await Promise.allSettled(walkers.map(({ run }) => run.ended));
    signal.removeEventListener("abort", letGo);
  }
}

async function walk(
  walkers: readonly Walker[],
  anew: boolean,
): Promise<readonly RestoreResult[] | undefined> {
  const found = await all(walkers, (walker) => placeOf(walker, ["found"]));
  const tokens = new Set(found.map((place) => ("token" in place ? place.token : "")));
  const [common = ""] = tokens;
  const restored = !anew && tokens.size === 1 && common !== "";
  if (!restored) await all(walkers, ({ member }) => member.bringSnapshot());
  tell(walkers, `token ${restored ? common : randomUUID()}`);
  // What is to be swapped is proved by now; what serves this backup already is left alone.
  const begun = await all(walkers, (walker) =>
    placeOf(walker, restored ? ["serving", "stopping"] : ["stopping"]),
  );
  const changed = walkers.filter((_, at) => begun[at]?.at === "stopping");
  await stopInTurn(changed);
  const places = await all(changed, (walker) => placeOf(walker, ["serving", "lost"]));
  if (places.some(({ at }) => at === "lost")) return undefined;
  tell(walkers, "keep");
  return all(walkers, resultOf);
}

/**
 * One after another: a leader hands over to a member that is left, and one that is stopped together with all others looks
 * for a successor for 7 s (etcd's `TryTransferLeadershipOnShutdown`). None starts before all are stopped: the new ones
 * would meet the old ones at the same addresses.
 */
async function stopInTurn(walkers: readonly Walker[]): Promise<void> {
  for (const walker of walkers) {
    tell([walker], "stop");
    await placeOf(walker, ["stopped"]);
  }
  tell(walkers, "start");
}

function tell(walkers: readonly Walker[], word: string): void {
  for (const { run } of walkers) run.tell(word);
}

/** The first that fails ends the wait for the others. */
function all<T>(walkers: readonly Walker[], work: (walker: Walker) => Promise<T>): Promise<T[]> {
  return Promise.all(walkers.map(work));
}

async function placeOf({ member, run }: Walker, allowed: readonly Place["at"][]): Promise<Place> {
  const line = await run.next();
  if (line === undefined) throw new MemberFailed(member.name);
  const place = Place.parse(line);
  if (allowed.includes(place.at)) return place;
  throw new ClusterRestoreError(3, `the restore of ${member.name} is not in step: ${place.at}`);
}

async function resultOf({ member, run }: Walker): Promise<RestoreResult> {
  const line = await run.next();
  const code = await run.ended;
  if (line === undefined || code !== 0) throw new MemberFailed(member.name);
  return RestoreResult.loose().parse(line);
}

/** What the members have after a failure. Each puts back what was there, as long as it lives. */
function leftOf(ends: readonly { readonly name: string; readonly code: number }[]): string {
  const killed = ends.filter(({ code }) => code >= WITHOUT_A_WORD).map(({ name }) => name);
  if (killed.length === 0) return "every member has what it had before";
  return (
    `the restore of ${killed.join(" and ")} ended without a word (killed, or its machine or connection went): the next ` +
    "run puts it right. Every other member has what it had before"
  );
}

/** A store that is not the backup's is told before an environment that failed, which the others then report. */
function worst(codes: readonly number[]): number {
  return [1, 2].find((code) => codes.includes(code)) ?? 3;
}

/** A run whose stdin and stdout are a process's, here or at the other end of SSH. */
export function runOf(child: ChildProcess): MemberRun {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new TypeError("a run is spoken with by pipes");
  stdin.on("error", () => undefined); // it need not listen any more
  const lines = readline.createInterface({ input: stdout })[Symbol.asyncIterator]();
  const ended = once(child, "close").then(([code]: unknown[]) =>
    typeof code === "number" ? code : 255,
  );
  return {
    async next() {
      const line = await lines.next();
      return line.done === true ? undefined : (JSON.parse(line.value) as unknown);
    },
    tell(word) {
      stdin.write(`${word}\n`);
    },
    letGo() {
      stdin.end();
    },
    ended,
  };
}
