/** Which member a backup is taken of: a healthy follower that votes, so that the leader has no more to do. */
import type { ManifestMember } from "../manifest";
import { isAnswering, type Answering, type AskedMember } from "./ask-members";
import type { Disagreement } from "./compare-members";
import { TakeError } from "./source";

/**
 * The member to take: the named one, whatever is the matter with it, or the best one that is healthy.
 * @param named a member's name, its id in hex, or its endpoint
 * @throws TakeError when the named one is not there, when members disagree, or when none is healthy
 */
export function chooseMember(
  members: readonly AskedMember[],
  disagreement: Disagreement | undefined,
  named?: string,
): Answering {
  if (named !== undefined) return findNamed(members, named);
  if (disagreement !== undefined) {
    throw new TakeError(
      "check",
      `ALARM: the members of this cluster do not hold the same, ${disagreement.words}:\n` +
        disagreement.lines.map((line) => `  ${line}`).join("\n") +
        "\nNo backup of it can be called good. Find out which member is right; --member NAME takes one all the same",
    );
  }
  const healthy = members.filter(isAnswering).filter((member) => problemOf(member) === undefined);
  const [best] = healthy.sort(byMerit);
  if (best !== undefined) return best;
  const lines = members.map(
    (member) => `${member.name} (${member.endpoint}): ${problemOf(member) ?? ""}`,
  );
  throw new TakeError(
    members.every((member) => member.unreachable !== undefined) ? "environment" : "check",
    `no member is fit for a backup:\n${lines.map((line) => `  ${line}`).join("\n")}\n` +
      "Mend it and take the backup again; --member NAME takes one all the same",
  );
}

function findNamed(members: readonly AskedMember[], named: string): Answering {
  const found = members.find(
    ({ name, endpoint, status }) =>
      name === named || endpoint === named || status?.memberId.toString(16) === named,
  );
  if (found === undefined) {
    const known = members.map(({ name }) => name).join(", ");
    throw new TakeError("usage", `no member ${named}; those that were asked are ${known}`);
  }
  if (isAnswering(found)) return found;
  throw new TakeError("environment", `member ${named} does not answer: ${found.unreachable ?? ""}`);
}

/** Why a member is not taken by itself; undefined when it is healthy. */
export function problemOf(member: AskedMember): string | undefined {
  const { status, alarms, notCompared, unreachable } = member;
  if (status === undefined) return unreachable ?? "does not answer";
  if (status.isLearner)
    return "it is a learner, which does not yet hold all and cannot be compared";
  if (status.leader === 0n) return "it has no leader: what it holds may be old";
  if (alarms.length > 0) return `it has raised the alarm ${alarms.join(", ")}${adviceFor(alarms)}`;
  if (status.errors.length > 0) return `it says of itself: ${status.errors.join("; ")}`;
  return notCompared;
}

function adviceFor(alarms: readonly string[]): string {
  return alarms.includes("NOSPACE")
    ? ", and refuses writes: a restore brings the alarm along. Compact, defragment, and `etcdctl alarm disarm`"
    : "";
}

/** Followers before the leader, then who has most of the log. */
function byMerit(a: Answering, b: Answering): number {
  const leads = ({ status }: Answering) => Number(status.leader === status.memberId);
  const behind = Number(b.status.appliedIndex - a.status.appliedIndex);
  return leads(a) - leads(b) || behind;
}

/** What a member said, for the manifest. */
export function manifestMember(member: AskedMember): ManifestMember {
  const { endpoint, name, status, alarms, hash } = member;
  const problem = problemOf(member);
  if (status === undefined) return { endpoint, ...(problem !== undefined && { problem }) };
  return {
    endpoint,
    name,
    memberId: status.memberId.toString(16),
    version: status.version,
    role: status.isLearner ? "learner" : status.leader === status.memberId ? "leader" : "follower",
    revision: status.revision,
    raftIndex: String(status.raftIndex),
    appliedIndex: String(status.appliedIndex),
    dbBytes: status.dbBytes,
    ...(status.dbBytesInUse > 0 && {
      freeBytes: Math.max(0, status.dbBytes - status.dbBytesInUse),
    }),
    ...(status.quotaBytes !== undefined && { quotaBytes: status.quotaBytes }),
    alarms: [...alarms],
    ...(hash !== undefined && {
      hash: { revision: hash.revision, compactRevision: hash.compactRevision, hashKv: hash.hash },
    }),
    ...(problem !== undefined && { problem }),
  };
}
