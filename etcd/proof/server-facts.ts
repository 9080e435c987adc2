import { setTimeout as delay } from "node:timers/promises";

import type { Auth, Snapshot } from "../snapshot/snapshot";
import { EtcdError, type EtcdErrorKind } from "../client/etcd-error";
import type { EtcdClient, HashKvAnswer, ServerStatus } from "../client/etcd-client";
import type { HashAhead } from "./hash-ahead";
import { ALL_KEYS, type Plan } from "./plan";

/** What the server told, or why it would not. */
export type Answer<T> = { readonly value: T } | { readonly refused: string };

/** Answers that are a finding of the verification; any other error ends it. */
const FINDINGS: readonly EtcdErrorKind[] = ["compacted", "future", "denied", "failed"];

/** Waits for a call and makes a refusal by the server part of the result. */
export async function answerOf<T>(call: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await call };
  } catch (error) {
    if (error instanceof EtcdError && FINDINGS.includes(error.kind)) {
      return { refused: refusal(error) };
    }
    throw error;
  }
}

function refusal({ kind, message }: EtcdError): string {
  if (kind === "denied") {
    return `authentication is on, and what was given is not enough (${message}); give the user root and its password`;
  }
  return kind === "compacted"
    ? "the server has compacted past the backup's revision: what it held then can no longer be read"
    : message;
}

/** The server as it is at the revision of the backup. */
export interface ServerFacts {
  readonly status: Answer<ServerStatus>;
  /** The backup's revision, or the server's where it has not come that far. */
  readonly readRevision: number;
  /** Keys at `readRevision`. */
  readonly keys: Answer<number>;
  /** HashKV at `readRevision`. */
  readonly hash: Answer<HashKvAnswer>;
  /** Up to which revision the server's history is gone; 0: it is all there. */
  readonly compactRevision: Answer<number>;
  readonly alarms: Answer<readonly { readonly memberId: bigint; readonly alarm: string }[]>;
  readonly auth: Answer<Auth>;
}

/** What has to be known before the keys can be read. */
export type Reachable = Pick<ServerFacts, "status" | "readRevision" | "keys">;

/** Asks at which revision the server can be read. */
export async function gatherReachable(client: EtcdClient, snapshot: Snapshot): Promise<Reachable> {
  const status = await answerOf(client.status());
  const readRevision =
    "value" in status ? Math.min(snapshot.revision, status.value.revision) : snapshot.revision;
  return { status, readRevision, keys: await answerOf(client.count(ALL_KEYS, readRevision)) };
}

/** Asks the server for all else that does not take a read of its keys. */
export async function gatherFacts(
  client: EtcdClient,
  snapshot: Snapshot,
  reachable: Reachable,
  ahead?: HashAhead,
): Promise<ServerFacts> {
  const { keys, readRevision } = reachable;
  // Etcd before 3.6 does not say which revision it hashed; that the keys could be read proves that it is not compacted.
  const hash: Answer<HashKvAnswer> =
    "refused" in keys ? keys : await answerOf(hashAt(client, readRevision, ahead));
  return {
    ...reachable,
    hash,
    compactRevision:
      "refused" in hash
        ? hash
        : { value: await compactRevision(client, snapshot, readRevision, hash.value) },
    alarms: await answerOf(client.alarms()),
    auth: await answerOf(authOf(client)),
  };
}

/** The hash at a revision: the one that was asked for ahead when it is of this very revision, as etcd says from 3.6 on. */
async function hashAt(
  client: EtcdClient,
  revision: number,
  ahead: HashAhead | undefined,
): Promise<HashKvAnswer> {
  const early = await ahead?.answer;
  return early?.hashRevision === revision ? early : client.hashKv(revision);
}

async function authOf(client: EtcdClient): Promise<Auth> {
  const users = await client.users();
  const roles = await client.roles();
  return {
    enabled: await client.authEnabled(),
    users,
    roles,
    rolesOf: await ofEach(users, (user) => client.rolesOf(user)),
    permissionsOf: await ofEach(roles, (role) => client.permissionsOf(role)),
  };
}

/** Some at a time: etcd answers each of these by way of its log, which takes as long for one as for many. */
async function ofEach<T>(
  names: readonly string[],
  ask: (name: string) => Promise<T>,
): Promise<Readonly<Record<string, T>>> {
  const all: [string, T][] = [];
  for (let at = 0; at < names.length; at += ASKED_AT_ONCE) {
    const some = names.slice(at, at + ASKED_AT_ONCE);
    all.push(
      ...(await Promise.all(
        some.map(async (name): Promise<[string, T]> => [name, await ask(name)]),
      )),
    );
  }
  return Object.fromEntries(all);
}

const ASKED_AT_ONCE = 50;

/**
 * The compaction revision behind a HashKV answer.
 *
 * Asked for the very revision of its last compaction, etcd may return the hash that it stored then, with the compaction
 * *before* in the answer (`hashStorage.HashByRev`). So a mark before the backup's is believed only if a revision before
 * the backup's mark can still be read.
 */
async function compactRevision(
  client: EtcdClient,
  snapshot: Snapshot,
  readRevision: number,
  { compactRevision: told }: HashKvAnswer,
): Promise<number> {
  const mark = snapshot.compactRevision;
  if (told < mark && mark > 1 && mark <= readRevision) {
    try {
      await client.count(ALL_KEYS, mark - 1);
    } catch (error) {
      if (error instanceof EtcdError && error.kind === "compacted") {
        return mark;
      }
      throw error;
    }
  }
  return Math.max(told, 0);
}

/** What became of the store after the backup's revision. */
export interface Since {
  readonly revision: number;
  readonly keys: number;
  /** The backup's leases that the server no longer has. */
  readonly goneLeases: ReadonlySet<bigint>;
  /** How many live keys of the backup hung on them. */
  readonly goneKeys: number;
  /** Leases that the backup does not know. */
  readonly newLeases: readonly bigint[];
  /**
   * Whether the leases that ran out account for every later revision and for the number of keys.
   *
   * etcd deletes all keys of a lease in one revision, and makes none for a lease without keys (`lessor.Revoke`).
   */
  readonly explained: boolean;
}

const LOOKS = 5;

/** Looks at the store as it is now; again when it changed while we looked. */
export async function gatherSince(
  client: EtcdClient,
  snapshot: Snapshot,
  plan: Plan,
): Promise<Since> {
  for (let look = 1; ; look += 1) {
    const leases = await client.leases();
    const keys = await client.count(ALL_KEYS, leases.revision);
    const still = (await client.status()).revision === leases.revision;
    const known = new Set(leases.ids);
    const goneLeases = new Set([...snapshot.leases.keys()].filter((id) => !known.has(id)));
    const withKeys = [...goneLeases].filter((id) => plan.keysByLease.has(id));
    const goneKeys = withKeys.reduce((sum, id) => sum + (plan.keysByLease.get(id) ?? 0), 0);
    const explained =
      leases.revision - snapshot.revision === withKeys.length &&
      snapshot.live.count - keys === goneKeys;
    // A lease disappears from the list a moment before its keys do.
    if ((still && explained) || look === LOOKS) {
      const newLeases = leases.ids.filter((id) => !snapshot.leases.has(id));
      return { revision: leases.revision, keys, goneLeases, goneKeys, newLeases, explained };
    }
    await delay(100);
  }
}
