/**
 * Backups by the dozen: under a writer with compactions and defragmentations, of members of which one differs, and of
 * members of which one lags. A few of each here; `ETCD_RESTORE_TIMES=100` makes that many, and prints what came of them.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Etcd3 } from "etcd3";
import { describe, expect, it, onTestFinished } from "vitest";
import { readManifest } from "../../../../etcd/backup/manifest";
import { askMembers } from "../../../../etcd/backup/take/ask-members";
import { compareMembers } from "../../../../etcd/backup/take/compare-members";
import { takeBackup } from "../../../../etcd/backup/take/take-backup";
import { openMember } from "../../../../etcd/client/member-client";
import { verify } from "../../../../etcd/proof/verify";
import { readSnapshot } from "../../../../etcd/snapshot/snapshot";
import { startCluster, type ClusterNode } from "../../../support/etcd-cluster";
import { startEtcdServer } from "../../../support/etcd-server";
import { temporaryDirectory } from "../../../support/temporary";
import { server } from "../../proof/stores";

const TIMES = Number(process.env.ETCD_RESTORE_TIMES ?? 3);
const WRITES_A_SECOND = 500;
const TICK_MS = 20;
/** Every so many milliseconds. */
const COMPACT_MS = 700;
const DEFRAGMENT_MS = 1900;
const LIMIT_MS = 60_000 + 60_000 * TIMES;
/** A member that was stopped lags when it is asked about every second time. */
const MOST_LOOKS_FOR_A_LAG = 30;

const tell = (what: string, figures: object) => {
  if (process.env.ETCD_RESTORE_TIMES !== undefined) {
    process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
  }
};

/** Writes, compacts and defragments until it is stopped; gives what it has done. */
function busyWriter(url: string) {
  const client = new Etcd3({ hosts: url });
  const stopping = new AbortController();
  const { signal } = stopping;
  const done = { writes: 0, compactions: 0, defragmentations: 0 };
  const began = performance.now();
  let revision = 0;
  const each = async (ms: number, work: () => Promise<unknown>) => {
    while (!signal.aborted) {
      const next = sleep(ms);
      await work();
      await next;
    }
  };
  const write = async () => {
    // What the last ticks owe is made up for, so that the rate holds while something else is busy.
    const due = Math.floor(((performance.now() - began) * WRITES_A_SECOND) / 1000);
    const puts = Array.from({ length: Math.min(200, due - done.writes) }, (_, i) =>
      client.put(`/registry/pods/${(done.writes + i) % 2000}`).value("x".repeat(300)),
    );
    for (const { header } of await Promise.all(puts)) {
      revision = Math.max(revision, Number(header.revision));
    }
    done.writes += puts.length;
  };
  const compact = async () => {
    if (revision < 2) return;
    await client.kv.compact({ revision: String(revision - 1) }).catch(() => undefined);
    done.compactions += 1;
  };
  const defragment = async () => {
    await client.maintenance.defragment();
    done.defragmentations += 1;
  };
  const all = Promise.all([
    each(TICK_MS, write),
    each(COMPACT_MS, compact),
    each(DEFRAGMENT_MS, defragment),
  ]);
  return async () => {
    stopping.abort();
    await all;
    client.close();
    const seconds = (performance.now() - began) / 1000;
    return { ...done, writesASecond: Math.round(done.writes / seconds) };
  };
}

describe("many backups", { timeout: LIMIT_MS }, () => {
  it("under a writer: each pair agrees with the file or says why not, and each restore passes", async () => {
    const source = await server({ version: "3.6" });
    const client = openMember(source.endpoint);
    const directory = await temporaryDirectory();
    const stop = busyWriter(source.url);
    let notComparable = 0;
    let passes = 0;
    try {
      await sleep(2000);
      for (let i = 0; i < TIMES; i++) {
        const file = join(directory, `${i}.db`);
        await takeBackup({ source: client, from: { endpoint: source.url }, file });
        const pair = readManifest(file)?.source;
        if (pair?.notComparable !== undefined) notComparable += 1;
        passes += Number(await passesRestored(file));
        rmSync(file);
      }
    } finally {
      const wrote = await stop();
      client.close();
      tell("under a writer", { backups: TIMES, notComparable, passes, ...wrote });
    }
    expect(passes).toBe(TIMES);
    expect(notComparable).toBeLessThanOrEqual(Math.ceil(TIMES / 20));
  });

  it("of three members one of which was made to differ: found each time, and none is accused before or after", async () => {
    const nodes = await startCluster(3);
    const [one] = nodes;
    if (one === undefined) throw new Error("no node");
    const writer = etcd3(one);
    for (let i = 0; i < 50; i++)
      await writer.put(`/registry/${i}`).value(`value-${i}-that-is-good`);
    let found = 0;
    let falseAlarms = 0;
    for (let i = 0; i < TIMES; i++) {
      const differing = nodes[i % 3];
      if (differing === undefined) throw new Error("no node");
      falseAlarms += Number((await compared(nodes)).disagreement !== undefined);
      const undo = await alter(differing, `value-${i % 50}-that-is-good`);
      const { disagreement, members } = await compared(nodes);
      const hashes = members.map(({ hash }) => hash?.hash);
      const [odd] = members.filter(
        ({ hash }) => hashes.filter((h) => h === hash?.hash).length === 1,
      );
      if (disagreement !== undefined && odd?.endpoint === differing.url) found += 1;
      await undo();
    }
    tell("one differs", { rounds: TIMES, found, falseAlarms });
    expect({ found, falseAlarms }).toEqual({ found: TIMES, falseAlarms: 0 });
  });

  it("of three members one of which lags: never an alarm", async () => {
    const nodes = await startCluster(3);
    const [leader] = nodes;
    if (leader === undefined) throw new Error("no node");
    const status = async ({ url }: ClusterNode) => {
      const client = openMember({ url });
      const { leader: lead, memberId } = await client.status();
      client.close();
      return lead === memberId;
    };
    const leads = await Promise.all(nodes.map(status));
    const lagging = nodes.filter((_, i) => leads[i] === false);
    const stop = busyWriter(nodes[leads.indexOf(true)]?.url ?? leader.url);
    let alarms = 0;
    let lagged = 0;
    try {
      for (let i = 0; i < TIMES || (lagged === 0 && i < MOST_LOOKS_FOR_A_LAG); i++) {
        const follower = lagging[i % lagging.length];
        follower?.signal("SIGSTOP");
        await sleep(400);
        follower?.signal("SIGCONT");
        const { disagreement, members, first } = await compared(nodes);
        alarms += Number(disagreement !== undefined);
        lagged += Number(new Set(first).size > 1);
        expect(members).toHaveLength(3);
      }
    } finally {
      const wrote = await stop();
      tell("one lags", { rounds: TIMES, alarms, lagged, ...wrote });
    }
    expect(alarms).toBe(0);
    expect(lagged).toBeGreaterThan(0);
  });
});

/** Whether what is restored of it is what it holds, key by key. */
async function passesRestored(file: string): Promise<boolean> {
  const snapshot = await readSnapshot(file);
  const restored = await startEtcdServer({ version: "3.6", snapshot: file });
  try {
    const { endpoint } = restored;
    const manifest = readManifest(file);
    const report = await verify({
      snapshot,
      endpoint,
      level: "full",
      expectedKeys: [],
      ...(manifest && { manifest }),
    });
    return report.verdict === "pass";
  } finally {
    await restored.stop();
    snapshot.close();
  }
}

function etcd3({ url }: ClusterNode): Etcd3 {
  const client = new Etcd3({ hosts: url });
  onTestFinished(() => {
    client.close();
  });
  return client;
}

/** What the members say of each other, and the revisions that they had at first. */
async function compared(nodes: readonly ClusterNode[]) {
  const candidates = nodes.map(({ url }) => ({ endpoint: url, client: openMember({ url }) }));
  try {
    const asked = await askMembers(candidates);
    return { first: asked.map(({ status }) => status?.revision), ...(await compareMembers(asked)) };
  } finally {
    for (const { client } of candidates) client.close();
  }
}

/** Writes another value into a member's database behind its back; gives what brings the old one back. */
async function alter(node: ClusterNode, value: string): Promise<() => Promise<void>> {
  await node.stop();
  const whole = readFileSync(node.database);
  const altered = Buffer.from(whole);
  const bad = value.replace("good", "bad!");
  for (let at = altered.indexOf(value); at >= 0; at = altered.indexOf(value, at + 1)) {
    altered.write(bad, at);
  }
  writeFileSync(node.database, altered);
  await node.start();
  return async () => {
    await node.stop();
    writeFileSync(node.database, whole);
    await node.start();
  };
}
