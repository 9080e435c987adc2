import { readFileSync, writeFileSync } from "node:fs";
import { Etcd3 } from "etcd3";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Answering, askMembers, isAnswering } from "../../../../etcd/backup/take/ask-members";
import { compareMembers } from "../../../../etcd/backup/take/compare-members";
import {
  chooseMember,
  manifestMember,
  problemOf,
} from "../../../../etcd/backup/take/choose-member";
import { TakeError } from "../../../../etcd/backup/take/source";
import { openMember } from "../../../../etcd/client/member-client";
import { startCluster, type ClusterNode } from "../../../support/etcd-cluster";

async function ask(nodes: readonly ClusterNode[]) {
  const candidates = nodes.map(({ url }) => ({ endpoint: url, client: openMember({ url }) }));
  onTestFinished(() => {
    for (const { client } of candidates) client.close();
  });
  return compareMembers(await askMembers(candidates));
}

function isLeader({ status }: Answering): boolean {
  return status.leader === status.memberId;
}

function etcd3({ url }: ClusterNode): Etcd3 {
  const client = new Etcd3({ hosts: url });
  onTestFinished(() => {
    client.close();
  });
  return client;
}

describe("members that are asked before a backup", { timeout: 180_000 }, () => {
  it("agree, and a follower is taken; while one writes, compacts and one lags there is no alarm", async () => {
    const nodes = await startCluster(3);
    const [first] = nodes;
    if (first === undefined) throw new Error("no node");
    const client = etcd3(first);
    await client.put("/registry/first").value("quiet");
    const quiet = await ask(nodes);
    expect(quiet.members.map(problemOf)).toEqual([undefined, undefined, undefined]);
    expect(isLeader(chooseMember(quiet.members, quiet.disagreement))).toBe(false);
    const state = { isOver: false };
    let revision = 0;
    const writer = (async () => {
      for (let i = 0; !state.isOver; i++) {
        const put = await client.put(`/registry/${i % 50}`).value(String(i));
        revision = Number(put.header.revision);
        if (i % 100 === 99) await client.kv.compact({ revision: String(revision) });
      }
    })();
    try {
      for (let run = 0; run < 5; run++) {
        const { members, disagreement } = await ask(nodes);
        expect(disagreement).toBeUndefined();
        // A follower, unless at that moment each is behind, as on a computer with more to do.
        const followers = members.filter(isAnswering).filter((member) => !isLeader(member));
        const reasons = followers.map(problemOf);
        const isNoneFit = reasons.every((reason) => reason !== undefined);
        expect(isLeader(chooseMember(members, disagreement)), String(reasons)).toBe(isNoneFit);
        for (const reason of reasons) expect(reason ?? "").toMatch(/^(it is behind|its HashKV|$)/);
        expect(members.map(({ name }) => name)).toEqual(["m1", "m2", "m3"]);
      }
    } finally {
      state.isOver = true;
      await writer;
    }
    const [one, two, three] = nodes;
    await two?.stop();
    for (let i = 0; i < 20; i++) await client.put("/registry/after").value(String(i));
    const { members, disagreement } = await ask(nodes);
    expect(disagreement).toBeUndefined();
    expect(members.map(manifestMember)[1]?.problem).toMatch(/nothing listens/);
    expect([one?.url, three?.url]).toContain(chooseMember(members, disagreement).endpoint);
  });

  it("of which one holds another value are an alarm with both hashes, and none is taken but by name", async () => {
    const nodes = await startCluster(3);
    const [, , third] = nodes;
    if (third === undefined) throw new Error("no node");
    await etcd3(third).put("/registry/secret").value("value-that-is-good");
    await third.stop();
    const database = readFileSync(third.database);
    const at = database.indexOf("value-that-is-good");
    expect(at).toBeGreaterThan(0);
    for (let next = at; next >= 0; next = database.indexOf("value-that-is-good", next + 1)) {
      database.write("value-that-is-bad!", next);
    }
    writeFileSync(third.database, database);
    await third.start();

    const { members, disagreement } = await ask(nodes);

    const hashes = members.map(({ hash }) => hash?.hash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[2]).not.toBe(hashes[0]);
    let alarm: unknown;
    try {
      chooseMember(members, disagreement);
    } catch (error) {
      alarm = error;
    }
    expect(alarm).toBeInstanceOf(TakeError);
    expect(alarm).toMatchObject({ kind: "check" });
    for (const hash of hashes) expect(String(alarm)).toContain(`HashKV ${String(hash)}`);
    expect(String(alarm)).not.toContain("value-that");
    expect(chooseMember(members, disagreement, "m1").endpoint).toBe(nodes[0]?.url);
    expect(() => chooseMember(members, disagreement, "m9")).toThrow(/no member m9.*m1, m2, m3/);
  });
});
