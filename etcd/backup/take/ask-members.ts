/** Every member of a cluster, asked what it is and what it holds, before one of them is chosen. */
import type { MemberClient, MemberHash, MemberStatus } from "../../client/member-client";
import { TakeError } from "./source";

/** A member as its endpoint names it. */
export interface Candidate {
  readonly endpoint: string;
  readonly client: MemberClient;
}

/** What a member said, or why it could not be asked. */
export interface AskedMember extends Candidate {
  /** Its own name, or its id in hex; the endpoint where it said nothing. */
  readonly name: string;
  readonly status?: MemberStatus;
  /** Alarms that this member has raised. */
  readonly alarms: readonly string[];
  /** HashKV at a revision that others were asked too; set by `compareMembers`. */
  readonly hash?: MemberHash;
  /** Why it cannot be compared with the others. */
  readonly notCompared?: string;
  readonly unreachable?: string;
}

/** A member that answered. */
export type Answering = AskedMember & { readonly status: MemberStatus };

/**
 * Asks each member for its status, and the first that answers for names and alarms. Two endpoints of one member count once.
 * @throws TakeError when none answers, or they are of several clusters
 */
export async function askMembers(
  candidates: readonly Candidate[],
): Promise<readonly AskedMember[]> {
  const asked = await Promise.all(candidates.map(askOne));
  const answering = asked.filter(isAnswering);
  const [first] = answering;
  if (first === undefined) {
    const said = asked.map(({ unreachable }) => unreachable ?? "").join("; ");
    throw new TakeError("environment", asked.length === 1 ? said : `no member answers: ${said}`);
  }
  const strangers = answering.filter(({ status }) => status.clusterId !== first.status.clusterId);
  if (strangers.length > 0) {
    const name = ({ endpoint, status }: Answering) =>
      `${endpoint} is of cluster ${status.clusterId.toString(16)}`;
    throw new TakeError(
      "usage",
      `the endpoints are of more than one cluster: ${[first, ...strangers].map(name).join(", ")}. Give those of one`,
    );
  }
  const { names, alarms } = await askCluster(answering);
  const seen = new Set<bigint>();
  return asked.flatMap((member) => {
    if (!isAnswering(member)) return [member];
    const { memberId } = member.status;
    if (seen.has(memberId)) return [];
    seen.add(memberId);
    const own = alarms.filter((alarm) => alarm.memberId === memberId).map(({ alarm }) => alarm);
    const name = names.get(memberId);
    return [{ ...member, ...(name !== undefined && name !== "" && { name }), alarms: own }];
  });
}

export function isAnswering(member: AskedMember): member is Answering {
  return member.status !== undefined;
}

export async function askOne({ endpoint, client }: Candidate): Promise<AskedMember> {
  try {
    const status = await client.status();
    const name = status.memberId.toString(16);
    return { endpoint, client, name, status, alarms: [] };
  } catch (error) {
    const unreachable = error instanceof Error ? error.message : String(error);
    return { endpoint, client, name: endpoint, alarms: [], unreachable };
  }
}

/** A learner answers neither question, nor does a member without a leader: any one of the others will do. */
async function askCluster(answering: readonly Answering[]) {
  let refused: Error | undefined;
  for (const { client } of answering.filter(({ status }) => !status.isLearner)) {
    try {
      const members = await client.members();
      const alarms = await client.alarms();
      return { names: new Map(members.map(({ id, name }) => [id, name])), alarms };
    } catch (error) {
      refused = asError(error);
    }
  }
  if (refused !== undefined) throw refused;
  return { names: new Map<bigint, string>(), alarms: [] };
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
