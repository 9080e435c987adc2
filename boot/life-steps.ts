/** The steps of a life, each done to a clone and looked at from outside. What a step throws is its failure. */
import * as fs from "node:fs";
import * as path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Endpoint } from "../etcd/client/endpoint";
import { EtcdError } from "../etcd/client/etcd-error";
import { openMember } from "../etcd/client/member-client";
import { readSnapshot } from "../etcd/snapshot/snapshot";
import { counted } from "../etcd/wire/figures";
import { type Clone, untilLeading } from "./clone";
import type { Enclosure } from "./enclosure";
import type { LifeCalls } from "./life-calls";

/** What a step of a life found; thrown errors are failures. */
export interface Finding {
  readonly expected: string;
  readonly found: string;
  readonly good: boolean;
  readonly reason?: string;
}

export interface Life {
  readonly enclosure: Enclosure;
  readonly clone: Clone;
  readonly endpoint: Endpoint;
  readonly calls: LifeCalls;
  /** Key that nobody else has. */
  readonly key: string;
  readonly signal: AbortSignal;
}

const WATCH_LIMIT_MS = 10_000;
const LEASE_TTL = 2;
/** Leases are looked after twice a second, and run out late rather than early. */
const LEASE_LIMIT_MS = 20_000;
const JOIN_LIMIT_MS = 60_000;
const PAUSE_MS = 100;

/** Stopped in good order and started again: the same HashKV as the file's. */
export async function restart({ clone, signal }: Life): Promise<Finding> {
  await clone.stop();
  await clone.start();
  const { snapshot: file } = clone;
  const member = openMember(clone.endpoint, signal);
  try {
    const { hash, compactRevision } = await member.hashKv(file.revision);
    const expected = file.hashKv(file.revision, compactRevision);
    const good = hash === expected;
    return { expected: `HashKV ${expected}`, found: `HashKV ${hash}`, good };
  } finally {
    member.close();
  }
}

export async function put({ calls, key }: Life): Promise<Finding> {
  const revision = await calls.put(key, "1");
  const read = await calls.get(key);
  const good = read === "1";
  return {
    ...{ expected: "read as it was put", good },
    found: good ? `at revision ${revision}` : "not as it was put",
  };
}

export async function transaction({ calls, key }: Life): Promise<Finding> {
  const first = await calls.putIfVersion(key, 1, "2");
  const again = await calls.putIfVersion(key, 1, "3");
  const good = first && !again && (await calls.get(key)) === "2";
  return {
    ...{ expected: "done once, then refused by its condition", good },
    found: `${first ? "done" : "not done"}, then ${again ? "done" : "refused"}`,
  };
}

export async function watchNew({ calls, key }: Life): Promise<Finding> {
  const revision = await calls.put(key, "4");
  const answer = await calls.watch(Buffer.from(key), revision, WATCH_LIMIT_MS);
  const found = "refused" in answer ? "refused" : `revision ${answer.modRevision}`;
  const expected = `revision ${revision}`;
  return { expected, found, good: found === expected };
}

/** What the backup has compacted is refused as compacted; what it kept is delivered. */
export async function watchOld({ calls, clone }: Life): Promise<Finding> {
  const { live, compactRevision } = clone.snapshot;
  const found: string[] = [];
  const expected: string[] = [];
  if (compactRevision > 1) {
    const answer = await calls.watch(Buffer.from([0]), 1, WATCH_LIMIT_MS);
    expected.push(`refused as compacted to ${compactRevision}`);
    found.push(
      "refused" in answer
        ? `refused as compacted to ${answer.compactRevision}`
        : `delivered revision ${answer.modRevision}`,
    );
  }
  let newest = -1;
  for (let i = 0; i < live.count; i++) {
    const { modRevision } = live.metadata(i);
    if (newest < 0 || modRevision > live.metadata(newest).modRevision) newest = i;
  }
  const kept = newest < 0 ? 0 : live.metadata(newest).modRevision;
  if (kept > compactRevision) {
    const answer = await calls.watch(live.key(newest), kept, WATCH_LIMIT_MS);
    expected.push(`delivers revision ${kept}`);
    found.push("refused" in answer ? "refused" : `delivers revision ${answer.modRevision}`);
  }
  const [wanted, got] = [expected.join(", "), found.join(", ")];
  if (wanted === "")
    return { expected: "an old revision", found: "the backup has none", good: true };
  return { expected: wanted, found: got, good: wanted === got };
}

export async function lease({ calls, key, signal }: Life): Promise<Finding> {
  const leased = `${key}/leased`;
  const granted = await calls.grant(LEASE_TTL);
  await calls.put(leased, "1", granted.lease);
  const there = (await calls.get(leased)) !== undefined;
  const began = Date.now();
  let gone = false;
  while (!gone && Date.now() - began < granted.ttl * 1000 + LEASE_LIMIT_MS) {
    await delay(PAUSE_MS, undefined, { signal });
    gone = (await calls.get(leased)) === undefined;
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  return {
    ...{ expected: `gone after ${granted.ttl} s`, good: there && gone },
    found: gone ? `gone after ${seconds} s` : `still there after ${seconds} s`,
  };
}

export async function compaction({ calls, key }: Life): Promise<Finding> {
  const old = await calls.put(key, "5");
  const now = await calls.put(key, "6");
  await calls.compact(now);
  const refusal = await calls.get(key, old).then(
    () => "answered",
    (error: unknown) => {
      if (error instanceof EtcdError && error.kind === "compacted") return "compacted";
      throw error;
    },
  );
  const good = refusal === "compacted" && (await calls.get(key)) === "6";
  // Asked at the very revision of a compaction, etcd answers with the hash of before it (`hashStorage`, hash.go).
  await calls.put(key, "7");
  return {
    ...{ expected: `older than ${now} refused`, good },
    found: refusal === "compacted" ? "refused as compacted" : "old revisions still answered",
  };
}

export async function defragmentation({ calls, clone, key, signal }: Life): Promise<Finding> {
  const member = openMember(clone.endpoint, signal);
  try {
    const before = await member.status();
    await calls.defragment();
    const after = await member.status();
    const good = after.revision === before.revision && (await calls.get(key)) === "7";
    return {
      ...{ expected: `revision ${before.revision}`, good },
      found: `revision ${after.revision}, ${before.dbBytes} to ${after.dbBytes} bytes`,
    };
  } finally {
    member.close();
  }
}

/** The backup of it: whole by its own sum, with the server's keys and the server's HashKV. */
export async function snapshot({ clone, enclosure, signal }: Life): Promise<Finding> {
  const member = openMember(clone.endpoint, signal);
  const file = path.join(enclosure.near, "life.db");
  try {
    await pipeline(Readable.from(member.snapshot()), fs.createWriteStream(file, { mode: 0o600 }));
    const read = await readSnapshot(file, { signal, digests: false });
    try {
      const { hash, compactRevision } = await member.hashKv(read.revision);
      const own = read.hashKv(read.revision, compactRevision);
      return {
        ...{ expected: `whole, HashKV ${hash}`, good: read.trailer === "matches" && own === hash },
        found: `${read.trailer === "matches" ? "whole" : "not whole"}, HashKV ${own}`,
      };
    } finally {
      read.close();
    }
  } finally {
    member.close();
    fs.rmSync(file, { force: true });
  }
}

/** A second member takes the whole store over, votes, and leaves again. */
export async function member(life: Life): Promise<Finding> {
  const { enclosure, clone, calls, signal } = life;
  const name = "second";
  const [port, peerPort] = [await enclosure.freePort(), await enclosure.freePort()];
  const [url, peerUrl] = [`https://127.0.0.1:${port}`, `https://127.0.0.1:${peerPort}`];
  const id = await calls.addLearner(peerUrl);
  const endpoint = { ...life.endpoint, url, socketPath: await enclosure.relay(port) };
  const cluster = `${clone.name}=${clone.peerUrl},${name}=${peerUrl}`;
  const dataDirectory = path.join(enclosure.folder, name);
  try {
    const place = { name, dataDirectory, url, peerUrl, cluster, state: "existing" as const };
    await enclosure.start(name, clone.etcd(place));
    await untilLeading(enclosure, name, endpoint, JOIN_LIMIT_MS, signal);
    await untilTaken(() => calls.promote(id), signal);
    const [one, two] = [openMember(clone.endpoint, signal), openMember(endpoint, signal)];
    try {
      const { revision } = await one.status();
      const hashes = [(await one.hashKv(revision)).hash, (await two.hashKv(revision)).hash];
      await untilTaken(() => calls.removeMember(id), signal);
      const left = await calls.members();
      return {
        expected: `the same HashKV in both, then ${counted(1, "member")}`,
        found: `HashKV ${hashes.join(" and ")}, then ${counted(left, "member")}`,
        good: hashes[0] === hashes[1] && left === 1,
      };
    } finally {
      one.close();
      two.close();
    }
  } finally {
    await enclosure.stop(name);
  }
}

/** A learner may vote when it has caught up, and nobody may leave until the others know each other: until then etcd refuses. */
async function untilTaken(change: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const until = Date.now() + JOIN_LIMIT_MS;
  for (;;) {
    try {
      await change();
      return;
    } catch (error) {
      if (!(error instanceof EtcdError) || Date.now() > until) throw error;
    }
    await delay(PAUSE_MS, undefined, { signal });
  }
}
