/** The members of a cluster against a backup of it, with real etcds: each by itself, and no stranger among them. */
import * as fs from "node:fs";
import * as path from "node:path";
import { pipeline } from "node:stream/promises";
import { Etcd3 } from "etcd3";
import { describe, expect, it, onTestFinished } from "vitest";
import { openMember } from "../../../etcd/client/member-client";
import { verify } from "../../../etcd/proof/verify";
import { parseReport } from "../../../etcd/report/parse";
import type { VerificationLevel } from "../../../etcd/report/report";
import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import { makeNodes, startCluster, type ClusterNode } from "../../support/etcd-cluster";
import { temporaryDirectory } from "../../support/temporary";

const SECRET = "value-that-is-good";

/** Three members with some keys, and a backup of the first. */
async function clusterAndBackup(): Promise<{
  readonly nodes: readonly [ClusterNode, ClusterNode, ClusterNode];
  readonly snapshot: Snapshot;
}> {
  const [one, two, three] = await startCluster(3);
  if (one === undefined || two === undefined || three === undefined) throw new Error("no nodes");
  const snapshot = await backupOf(one, async (client) => {
    for (let i = 0; i < 300; i++) await client.put(`/registry/${i}`).value(String(i));
    await client.put("/registry/secret").value(SECRET);
  });
  return { nodes: [one, two, three], snapshot };
}

/** A backup of a member, once it holds what is put into it. */
async function backupOf(
  { url }: { readonly url: string },
  fill: (client: Etcd3) => Promise<void>,
): Promise<Snapshot> {
  const client = new Etcd3({ hosts: url });
  onTestFinished(() => {
    client.close();
  });
  await fill(client);
  const file = path.join(await temporaryDirectory(), "backup.db");
  const member = openMember({ url });
  await pipeline(member.snapshot(), fs.createWriteStream(file));
  member.close();
  const snapshot = await readSnapshot(file);
  onTestFinished(() => {
    snapshot.close();
  });
  return snapshot;
}

async function proof(
  snapshot: Snapshot,
  [first, ...rest]: readonly { readonly url: string }[],
  level: VerificationLevel = "full",
) {
  const endpoint = { url: first?.url ?? "" };
  const others = rest.map(({ url }) => ({ url }));
  const report = await verify({ snapshot, endpoint, others, level });
  expect(parseReport(JSON.stringify(report), "it")).toEqual(report);
  return { report, check: (id: string) => report.checks.find((one) => one.id === id) };
}

describe("the members of a cluster", { timeout: 180_000 }, () => {
  it("pass when each has the backup's hash and keys, and are named in the report", async () => {
    const { nodes, snapshot } = await clusterAndBackup();
    const { report, check } = await proof(snapshot, nodes);
    expect(report.verdict).toBe("pass");
    expect(check("members")).toMatchObject({ expected: "3 members", found: "m1, m2, m3" });
    const hash = `HashKV ${snapshot.hashKv()}`;
    expect(check("member-1")).toMatchObject({ title: "Member m1", verdict: "pass", found: hash });
    expect(check("member-3")).toMatchObject({
      ...{ title: "Member m3", verdict: "pass" },
      found: `${hash}, 200 of 301 keys as in the file`,
    });
    expect(report.members?.map(({ name, hashKv }) => [name, hashKv])).toEqual(
      ["m1", "m2", "m3"].map((name) => [name, snapshot.hashKv()]),
    );
    const quick = await proof(snapshot, nodes, "quick");
    expect(quick.check("member-2")).toMatchObject({ verdict: "pass", found: hash });
  });

  it("fail by the one that holds another value, without showing it, and by one that is asked twice", async () => {
    const { nodes, snapshot } = await clusterAndBackup();
    const [one, two, three] = nodes;
    await three.stop();
    const database = fs.readFileSync(three.database);
    const at = database.indexOf(SECRET);
    expect(at).toBeGreaterThan(0);
    for (let next = at; next >= 0; next = database.indexOf(SECRET, next + 1)) {
      database.write("value-that-is-bad!", next);
    }
    fs.writeFileSync(three.database, database);
    await three.start();
    const { report, check } = await proof(snapshot, nodes);
    expect(report.verdict).toBe("fail");
    expect(check("member-1")?.verdict).toBe("pass");
    expect(check("member-2")?.verdict).toBe("pass");
    expect(check("member-3")?.verdict).toBe("fail");
    expect(JSON.stringify(report)).not.toContain("value-that");
    const twice = await proof(snapshot, [one, two, two]);
    expect(twice.check("members")).toMatchObject({ verdict: "fail", reason: /m3/ });
  });

  it("are not checked where one does not answer, and fail where one is of another cluster", async () => {
    const { nodes, snapshot } = await clusterAndBackup();
    const [one, two, three] = nodes;
    const [stranger] = await makeNodes(1, "3.6", 9);
    await stranger?.start("new", `${stranger.name}=${stranger.peerUrl}`);
    const strange = await proof(snapshot, [one, two, { url: stranger?.url ?? "" }]);
    expect(strange.check("members")).toMatchObject({
      ...{ verdict: "fail", reason: "they are members of different clusters" },
    });
    expect(strange.check("member-3")?.verdict).toBe("fail");
    await three.stop();
    const { report, check } = await proof(snapshot, nodes);
    expect(report.verdict).toBe("incomplete");
    expect(check("member-3")).toMatchObject({ verdict: "not-checked" });
    expect(check("members")?.verdict).toBe("not-checked");
  });

  it("fail by one whose value is larger than any answer that the file leads to expect", async () => {
    const { nodes, snapshot } = await clusterAndBackup();
    const [one, two] = nodes;
    const [stranger] = await makeNodes(1, "3.6", 9);
    if (stranger === undefined) throw new Error("no node");
    await stranger.start("new", `${stranger.name}=${stranger.peerUrl}`);
    await backupOf(stranger, async (client) => {
      for (let i = 0; i < 300; i++) await client.put(`/registry/${i}`).value("x".repeat(20_000));
    });
    const { check } = await proof(snapshot, [one, two, stranger]);
    expect(check("member-3")?.verdict).toBe("fail");
    expect(check("member-3")?.found).toMatch(/, 0 of 301 keys/);
    expect(check("member-3")?.reason).toContain("it gives otherwise: /registry/0");
  });

  it("pass without a value that is read where etcd 3.7 tells no lease with keys alone", async () => {
    const nodes = await startCluster(3, "3.7");
    const [first] = nodes;
    if (first === undefined) throw new Error("no nodes");
    const snapshot = await backupOf(first, async (client) => {
      const lease = client.lease(3600, { autoKeepAlive: false });
      await lease.put("/registry/leased").value("1");
      await client.put("/registry/stays").value("1");
    });
    const { report, check } = await proof(snapshot, nodes, "standard");
    expect(check("member-2")).toMatchObject({ verdict: "pass" });
    expect(report.verdict).toBe("pass");
  });

  it("may have been started again: a lease that ran out meanwhile was not revoked", async () => {
    const nodes = await startCluster(3);
    const client = new Etcd3({ hosts: nodes.map(({ url }) => url) });
    onTestFinished(() => {
      client.close();
    });
    await client.put("/registry/stays").value("1");
    const lease = client.lease(2, { autoKeepAlive: false });
    await lease.put("/registry/leased").value("1");
    const leader = (await client.maintenance.status()).leader;
    const ids = await Promise.all(
      nodes.map(async ({ url }) => {
        const member = openMember({ url });
        const { memberId } = await member.status();
        member.close();
        return String(memberId);
      }),
    );
    const [follower, ...others] = [...nodes].sort(
      (a, b) => Number(ids[nodes.indexOf(a)] === leader) - Number(ids[nodes.indexOf(b)] === leader),
    );
    if (follower === undefined) throw new Error("no follower");
    const file = path.join(await temporaryDirectory(), "leased.db");
    const member = openMember({ url: follower.url });
    await pipeline(member.snapshot(), fs.createWriteStream(file));
    member.close();
    const snapshot = await readSnapshot(file);
    onTestFinished(() => {
      snapshot.close();
    });
    await expect.poll(() => client.get("/registry/leased"), { timeout: 30_000 }).toBeNull();
    await follower.stop();
    await follower.start();
    const report = await verify({
      snapshot,
      endpoint: { url: follower.url },
      others: others.map(({ url }) => ({ url })),
      level: "full",
      restoredAt: new Date(Date.now() - 3_600_000),
    });
    expect(report.checks.find(({ id }) => id === "leases")?.verdict).toBe("explained");
    expect(report.verdict).toBe("pass");
  });
});
