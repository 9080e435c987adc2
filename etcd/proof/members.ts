/**
 * The members of a restored cluster, each by itself: the first is read whole, as a lone one is; each other must hash to
 * what the file does, and gives keys from all over the key space out of its own store.
 */
import { randomBytes } from "node:crypto";
import { openEtcd, type EtcdClient } from "../client/etcd-client";
import type { Endpoint } from "../client/endpoint";
import { EtcdError } from "../client/etcd-error";
import { openMember, type ClusterMember } from "../client/member-client";
import { decodePage } from "../client/pages";
import type { Check, MemberSummary, VerificationLevel } from "../report/report";
import type { LiveKeys, Snapshot } from "../snapshot/snapshot";
import { printableKey } from "../wire/keys";
import { hashKvCheck } from "./checks";
import { changedFields } from "./compare-page";
import {
  answerOf,
  gatherHash,
  gatherReachable,
  tellsLeasesInKeysOnly,
  type Reachable,
} from "./server-facts";
import { chosenKeys } from "./second-reader";
import {
  type Found,
  listCheck,
  memberCheck,
  nameIn,
  type Spread,
  summary,
  type Told,
} from "./member-checks";

export interface MembersRequest {
  readonly snapshot: Snapshot;
  /** Of all members; the first is the one that is read whole. */
  readonly endpoints: readonly Endpoint[];
  /** What that one has told. */
  readonly first: Told;
  readonly level: VerificationLevel;
  readonly signal?: AbortSignal | undefined;
}

/** A check for the list of members and one for each of them, and what each says of itself. */
export interface MembersProof {
  readonly checks: readonly Check[];
  readonly members: readonly MemberSummary[];
}

/** Keys that each member beside the first is asked for, where there are more. */
const SPREAD = 200;
const AT_ONCE = 8;
/** Of a key and its fields beside the value, as an answer has them. */
const ROOM = 4096;
/** Asks each member itself. What one refuses to tell, or one that cannot be reached, is `not-checked`. */
export async function proveMembers(request: MembersRequest): Promise<MembersProof> {
  const { endpoints, snapshot, first: told, level, signal } = request;
  const seed = randomBytes(4).toString("hex");
  const keys = level === "quick" ? [] : chosenKeys(snapshot.live.count, seed, SPREAD);
  const found = await Promise.all(
    endpoints.map(async (endpoint, i) => {
      if (i > 0) return orReason(() => askMember(endpoint, keys, request), signal);
      return { url: endpoint.url, told, hash: hashKvCheck(snapshot, told) };
    }),
  );
  const [first] = endpoints;
  const listed =
    first === undefined ? "nobody was asked" : await orReason(() => listOf(first, signal), signal);
  return {
    checks: [
      listCheck(endpoints, listed, found),
      ...found.map((one, i) =>
        memberCheck(
          `member-${i + 1}`,
          `Member ${nameIn(listed, one) ?? endpoints[i]?.url ?? ""}`,
          snapshot,
          one,
        ),
      ),
    ],
    members: found.flatMap((one) => (typeof one === "string" ? [] : [summary(one, listed)])),
  };
}

/** What came of it, or why nothing did. */
async function orReason<T>(
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof EtcdError) return error.message;
    throw error;
  }
}

async function listOf(
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): Promise<readonly ClusterMember[]> {
  const member = openMember(endpoint, signal);
  try {
    return await member.members();
  } finally {
    member.close();
  }
}

/** Whether a member has the snapshot's HashKV. Throws `EtcdError` where it cannot be asked. */
export async function memberHash(
  endpoint: Endpoint,
  snapshot: Snapshot,
  signal?: AbortSignal,
): Promise<Check> {
  const { hash } = await askMember(endpoint, [], { snapshot, level: "quick", signal });
  return hash;
}

async function askMember(
  endpoint: Endpoint,
  keys: readonly number[],
  { snapshot, level, signal }: Omit<MembersRequest, "endpoints" | "first">,
): Promise<Found> {
  const client = openEtcd(endpoint, signal);
  try {
    const reachable = await gatherReachable(client, snapshot);
    const told = { ...reachable, hash: await gatherHash(client, reachable) };
    const spread =
      keys.length === 0
        ? undefined
        : await answerOf(differingKeys(client, snapshot, { keys, level, reachable }));
    return { url: endpoint.url, told, hash: hashKvCheck(snapshot, told), spread };
  } finally {
    client.close();
  }
}

/** Reads keys out of the member's own store, one by one, and compares them with the file. */
async function differingKeys(
  client: EtcdClient,
  { live }: Snapshot,
  wanted: {
    readonly keys: readonly number[];
    readonly level: VerificationLevel;
    readonly reachable: Reachable;
  },
): Promise<Spread> {
  const { keys, level, reachable } = wanted;
  const tellsLeases = tellsLeasesInKeysOnly(reachable);
  const differing: string[] = [];
  const next = keys[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const i of next) {
      const hasToBeStored = level === "full" || (live.metadata(i).lease !== 0n && !tellsLeases);
      const mode = hasToBeStored ? "stored" : "metadata";
      if (!(await isAsInFile(client, live, i, mode, reachable.readRevision))) {
        differing.push(printableKey(live.key(i)));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { asked: keys.length, differing: differing.sort() };
}

async function isAsInFile(
  client: EtcdClient,
  live: LiveKeys,
  i: number,
  mode: "stored" | "metadata",
  revision: number,
): Promise<boolean> {
  const key = live.key(i);
  const range = { start: key, end: Buffer.concat([key, Buffer.from([0])]) };
  const room = Buffer.alloc(live.valueBytes(i) + 2 * key.length + ROOM);
  const options = { revision, serializable: true, keysOnly: mode === "metadata" };
  try {
    const length = await client.rangeInto(range, options, room);
    const [served] = decodePage(room.subarray(0, length)).keys;
    return served?.key.equals(key) === true && changedFields(served, live, i, mode).length === 0;
  } catch (error) {
    if (error instanceof EtcdError && error.kind === "too-large") return false;
    throw error;
  }
}
