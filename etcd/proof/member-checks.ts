/** The verdicts on the members of a restored cluster, from what each has told. Nothing here asks anybody. */
import type { Endpoint } from "../client/endpoint";
import type { ClusterMember } from "../client/member-client";
import type { Check, MemberSummary } from "../report/report";
import type { Snapshot } from "../snapshot/types";
import { counted, grouped } from "../wire/figures";
import { visible } from "../wire/visible";
import type { Answer, ServerFacts } from "./server-facts";

/** Keys that a reason names. */
const NAMED = 5;

/** What a member tells of itself and of its store. */
export type Told = Pick<ServerFacts, "status" | "readRevision" | "hash">;

/** Keys that were asked for, and those that are not as in the file. */
export interface Spread {
  readonly asked: number;
  readonly differing: readonly string[];
}

/** What one member was found to be. */
export interface Found {
  readonly url: string;
  readonly told: Told;
  readonly hash: Check;
  /** Undefined where no keys were asked for. */
  readonly spread?: Answer<Spread> | undefined;
}

/** The cluster has these members and no other: none that the backup's own cluster had. */
export function listCheck(
  endpoints: readonly Endpoint[],
  listed: readonly ClusterMember[] | string,
  found: readonly (Found | string)[],
): Check {
  const check = {
    ...{ id: "members", title: "Members of the cluster", source: "setting" },
    expected: counted(endpoints.length, "member"),
  };
  if (typeof listed === "string") return { ...check, verdict: "not-checked", reason: listed };
  const statuses = found.map(statusOf);
  const ids = new Set(statuses.map((status) => status?.memberId));
  const clusters = new Set(statuses.flatMap((status) => status?.clusterId ?? []));
  const told = { ...check, found: listed.map(nameOf).sort().join(", ") };
  const strangers = listed.filter(({ id, isLearner }) => !ids.has(id) || isLearner);
  if (listed.length === endpoints.length && ids.size === endpoints.length) {
    if (strangers.length === 0 && clusters.size === 1) return { ...told, verdict: "pass" };
  }
  if (statuses.includes(undefined) && listed.length === endpoints.length) {
    const reason = "not every member could be asked who it is";
    return { ...told, verdict: "not-checked", reason };
  }
  const reason =
    clusters.size > 1
      ? "they are members of different clusters"
      : `not one of those that were asked: ${strangers.map(nameOf).join(", ") || "one that was asked twice"}`;
  return { ...told, verdict: "fail", reason };
}

/** A member that has never started has no name. */
function nameOf({ name, id }: ClusterMember): string {
  return name === "" ? id.toString(16) : visible(name);
}

function statusOf(one: Found | string) {
  if (typeof one === "string" || "refused" in one.told.status) return undefined;
  return one.told.status.value;
}

/** As the cluster's list names it; undefined for one that is not there, or could not be asked. */
export function nameIn(
  listed: readonly ClusterMember[] | string,
  one: Found | string,
): string | undefined {
  const id = statusOf(one)?.memberId;
  const member = typeof listed === "string" ? undefined : listed.find((each) => each.id === id);
  return member && nameOf(member);
}

export function memberCheck(
  id: string,
  title: string,
  snapshot: Snapshot,
  one: Found | string,
): Check {
  const check = { id, title, source: "file" };
  if (typeof one === "string") return { ...check, verdict: "not-checked", reason: one };
  const { hash, spread } = one;
  const say = (hashKv: string, keys: number | undefined) =>
    `HashKV ${hashKv}${keys === undefined ? "" : `, ${grouped(keys)} of ${counted(snapshot.live.count, "key")} as in the file`}`;
  const read = spread !== undefined && "value" in spread ? spread.value : undefined;
  const told = {
    ...check,
    expected: say(hash.expected ?? "", read?.asked),
    found: say(hash.found ?? "not told", read && read.asked - read.differing.length),
  };
  const reasons = [
    ...(hash.reason === undefined ? [] : [hash.reason]),
    ...(spread !== undefined && "refused" in spread ? [spread.refused] : []),
    ...(read === undefined || read.differing.length === 0
      ? []
      : [`it gives otherwise: ${read.differing.slice(0, NAMED).join(", ")}`]),
  ];
  const reason = reasons.length === 0 ? {} : { reason: reasons.join("; ") };
  if (hash.verdict === "fail" || (read?.differing.length ?? 0) > 0) {
    return { ...told, verdict: "fail", ...reason };
  }
  const unread = spread !== undefined && read === undefined;
  return { ...told, verdict: unread ? "not-checked" : hash.verdict, ...reason };
}

export function summary(one: Found, listed: readonly ClusterMember[] | string): MemberSummary {
  const status = statusOf(one);
  const { hash } = one.told;
  return {
    name: nameIn(listed, one) ?? "",
    id: status?.memberId.toString(16) ?? "",
    endpoint: one.url,
    etcdVersion: status?.version ?? "",
    revision: status?.revision ?? 0,
    hashKv: "value" in hash ? hash.value.hash : 0,
  };
}
