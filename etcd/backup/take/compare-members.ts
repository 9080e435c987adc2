/** Whether the members of a cluster hold the same, before a backup of one of them is taken for one of all. */
import { setTimeout as delay } from "node:timers/promises";
import type { MemberHash } from "../../client/member-client";
import { type Answering, asError, type AskedMember, askOne, isAnswering } from "./ask-members";

const LOOKS = 6;
const PAUSE_MS = 250;
const NOT_HAD = "its HashKV could not be had at a revision and compaction that others have";

/** Members that hold something else than others, in words. */
export interface Disagreement {
  /** One line a member, with its hash. */
  readonly lines: readonly string[];
  readonly words: string;
}

/**
 * Compares what the voting members hold: HashKV of all at one revision, the least that any of them has. Only answers
 * with the same compaction are compared; while a store is compacted they differ for a moment, and are asked again.
 *
 * A member that lags so far behind that the others have compacted its revision away is left out and said to: that is
 * no alarm. It is asked again before: it may catch up, and where compactions are frequent it is perhaps only its answer
 * that is old.
 */
export async function compareMembers(
  members: readonly AskedMember[],
  signal?: AbortSignal,
): Promise<{ readonly members: readonly AskedMember[]; readonly disagreement?: Disagreement }> {
  let now = members;
  let before: readonly AskedMember[] = [];
  for (let look = 1; ; look += 1) {
    const hashed = await hashAll(now);
    const disagreement = hashesDiffer(hashed) ?? revisionsDiffer(before, hashed);
    // Who is behind in this look may not be in the next one; who does not answer is not waited for.
    const open = hashed.filter(
      (member, at) =>
        isVoter(member) && member.hash === undefined && now[at]?.notCompared === undefined,
    );
    if (disagreement !== undefined) return { members: hashed, disagreement };
    const settled = open.length === 0 && isOneGroup(hashed);
    // Once more in any case: a member that stopped at another revision shows only in two looks.
    if ((settled && look > 1) || look === LOOKS)
      return { members: settled ? hashed : leftOpen(hashed) };
    await delay(PAUSE_MS, undefined, signal === undefined ? {} : { signal });
    before = hashed;
    now = await Promise.all(now.map(again));
  }
}

function isVoter(member: AskedMember): member is Answering {
  return isAnswering(member) && !member.status.isLearner;
}

async function again(member: AskedMember): Promise<AskedMember> {
  if (!isAnswering(member)) return member;
  const asked = await askOne(member);
  const { endpoint, client, name, alarms, notCompared, status } = member;
  const known = { endpoint, client, name, alarms, status: asked.status ?? status };
  const reason = asked.unreachable ?? notCompared;
  return { ...known, ...(reason !== undefined && { notCompared: reason }) };
}

/** HashKV of all at the least revision; of who is too far behind the reason. */
async function hashAll(members: readonly AskedMember[]): Promise<readonly AskedMember[]> {
  const behind = new Map<AskedMember, string>();
  for (;;) {
    const asked = members
      .filter(isVoter)
      .filter((member) => member.notCompared === undefined && !behind.has(member));
    if (asked.length === 0) return members.map((member) => withReason(member, behind.get(member)));
    const revision = Math.min(...asked.map(({ status }) => status.revision));
    const answers = new Map<AskedMember, MemberHash | Error>();
    await Promise.all(
      asked.map(async (member) => {
        answers.set(member, await member.client.hashKv(revision).catch(asError));
      }),
    );
    const compacted = asked.filter((member) => isCompacted(answers.get(member)));
    const last = asked.filter(({ status }) => status.revision === revision);
    if (compacted.length > 0 && last.length < asked.length) {
      for (const member of last) {
        // One that has compacted it itself is further than it said.
        const reason = isCompacted(answers.get(member))
          ? NOT_HAD
          : `it is behind: at revision ${revision}, which others have compacted already`;
        behind.set(member, reason);
      }
      continue;
    }
    return members.map((member) => {
      const answer = answers.get(member);
      if (answer === undefined) return withReason(member, behind.get(member));
      return answer instanceof Error ? member : { ...member, hash: answer };
    });
  }
}

function withReason(member: AskedMember, notCompared: string | undefined): AskedMember {
  return notCompared === undefined ? member : { ...member, notCompared };
}

function isCompacted(answer: MemberHash | Error | undefined): boolean {
  return answer instanceof Error && "kind" in answer && answer.kind === "compacted";
}

function isOneGroup(members: readonly AskedMember[]): boolean {
  return (
    new Set(members.flatMap(({ hash }) => (hash === undefined ? [] : [hash.compactRevision])))
      .size <= 1
  );
}

function leftOpen(members: readonly AskedMember[]): readonly AskedMember[] {
  return members.map((member) =>
    isVoter(member) && member.hash === undefined && member.notCompared === undefined
      ? {
          ...member,
          notCompared: NOT_HAD,
        }
      : member,
  );
}

/** Of members that were hashed alike: which hash how many have. */
function hashesDiffer(members: readonly AskedMember[]): Disagreement | undefined {
  const groups = new Map<number, AskedMember[]>();
  for (const member of members) {
    if (member.hash === undefined) continue;
    const { compactRevision } = member.hash;
    groups.set(compactRevision, [...(groups.get(compactRevision) ?? []), member]);
  }
  for (const [compactRevision, group] of groups) {
    const revision = group[0]?.hash?.revision ?? 0;
    if (new Set(group.map(({ hash }) => hash?.hash)).size <= 1) continue;
    const lines = group.map(
      ({ name, endpoint, hash }) => `${name} (${endpoint}): HashKV ${hash?.hash ?? "?"}`,
    );
    return { lines, words: `at the same revision ${revision}, compacted to ${compactRevision}` };
  }
  return undefined;
}

/** Two that carried out the same log to the same entry, and stood still since, cannot have two revisions. */
function revisionsDiffer(
  before: readonly AskedMember[],
  now: readonly AskedMember[],
): Disagreement | undefined {
  const still = now.filter(isVoter).filter(({ status, endpoint }) => {
    const then = before.find((member) => member.endpoint === endpoint)?.status;
    return then?.appliedIndex === status.appliedIndex && then.revision === status.revision;
  });
  for (const { status } of still) {
    const same = still.filter((other) => other.status.appliedIndex === status.appliedIndex);
    if (new Set(same.map((other) => other.status.revision)).size <= 1) continue;
    const lines = same.map(
      ({ name, endpoint, status: { revision }, hash }) =>
        `${name} (${endpoint}): revision ${revision}, HashKV ${hash === undefined ? "not told" : `${hash.hash} at ${hash.revision}`}`,
    );
    return { lines, words: `after the same entry ${status.appliedIndex} of the log` };
  }
  return undefined;
}
