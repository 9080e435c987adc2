/** What the server says of itself, as findings: what it refuses to tell is one of them. */
import { compareVersions } from "../snapshot/judgement";
import type { Auth, Snapshot } from "../snapshot/snapshot";
import { EtcdError, type EtcdErrorKind } from "../client/etcd-error";
import type { EtcdClient, HashKvAnswer, ServerStatus } from "../client/etcd-client";
import type { HashAhead } from "./hash-ahead";
import { ALL_KEYS } from "./plan";

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
  readonly auth: Answer<ServedAuth>;
}

/** The server's authentication; etcd before 3.5 does not tell its revision. */
export type ServedAuth = Auth & { readonly revision: number | undefined };

/** What has to be known before the keys can be read. */
export type Reachable = Pick<ServerFacts, "status" | "readRevision" | "keys">;

/** Asks at which revision the server can be read. */
export async function gatherReachable(client: EtcdClient, snapshot: Snapshot): Promise<Reachable> {
  const status = await answerOf(client.status());
  const readRevision =
    "value" in status ? Math.min(snapshot.revision, status.value.revision) : snapshot.revision;
  return { status, readRevision, keys: await answerOf(client.count(ALL_KEYS, readRevision)) };
}

/**
 * Whether the server tells a key's lease when it is asked for keys without values. etcd 3.7 does not: it answers from its
 * index in memory (`FastKeysOnly`). There, keys with leases are read with their values.
 */
export function tellsLeasesInKeysOnly({ status }: Pick<ServerFacts, "status">): boolean {
  return "value" in status && compareVersions(status.value.version, "3.7") < 0;
}

/** Asks the server for all else that does not take a read of its keys. */
export async function gatherFacts(
  client: EtcdClient,
  snapshot: Snapshot,
  reachable: Reachable,
  ahead?: HashAhead,
): Promise<ServerFacts> {
  const { readRevision } = reachable;
  const hash = await gatherHash(client, reachable, ahead);
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

/** Asks for the hash at the revision at which it is read. */
export async function gatherHash(
  client: EtcdClient,
  { keys, readRevision }: Reachable,
  ahead?: HashAhead,
): Promise<Answer<HashKvAnswer>> {
  // Etcd before 3.6 does not say which revision it hashed; that the keys could be read proves that it is not compacted.
  return "refused" in keys ? keys : answerOf(hashAt(client, readRevision, ahead));
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

async function authOf(client: EtcdClient): Promise<ServedAuth> {
  const users = await client.users();
  const roles = await client.roles();
  return {
    ...(await client.authStatus()),
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
