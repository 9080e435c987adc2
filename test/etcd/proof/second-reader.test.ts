/** The second opinion: a fault of our own client, or of the reader's comparer, does not pass. */
import { createRequire } from "node:module";
import { describe, expect, it, vi } from "vitest";
import type { EtcdClient } from "../../../etcd/client/etcd-client";
import { chosenKeys, secondReaderCheck } from "../../../etcd/proof/second-reader";
import { verify } from "../../../etcd/proof/verify";
import type { Report } from "../../../etcd/report/report";
import type { Snapshot } from "../../../etcd/snapshot/snapshot";
import { server, snapshotOf, write } from "./stores";

/** As those have it that are under test; what a test imports is a copy of the names. */
const etcdClient = createRequire(__filename)(
  "../../../etcd/client/etcd-client",
) as typeof import("../../../etcd/client/etcd-client");

const KEY = "/registry/configmaps/shop/web";
const writes = (value: string) =>
  Array.from({ length: 60 }, (_, i) => ({
    put: `${KEY}-${i}`,
    value: i === 7 ? value : `value ${i}`,
  }));

/** A backup, and a server that holds another value of one key at the same revisions. */
async function forged() {
  const good = await server();
  await write(good, writes("as it was saved"));
  const snapshot = await snapshotOf(good);
  const other = await server();
  await write(other, writes("something else!"));
  return { snapshot, good, other };
}

const verdicts = (report: Report) =>
  Object.fromEntries(report.checks.map(({ id, verdict }) => [id, verdict]));

describe("the second reader", () => {
  it("agrees with the first on a good store, and names how many keys and how long", async () => {
    const good = await server();
    await write(good, writes("as it was saved"));
    const snapshot = await snapshotOf(good);
    const report = await verify({ snapshot, endpoint: good.endpoint, level: "full" });
    expect(report.verdict).toBe("pass");
    const check = report.checks.find(({ id }) => id === "second-reader");
    expect(check?.expected).toBe("60 keys as in the file");
    expect(check?.found).toMatch(/^60 as in the file, in \d/);
  });

  it("is asked at full alone", async () => {
    const good = await server();
    await write(good, writes("a"));
    const snapshot = await snapshotOf(good);
    for (const level of ["quick", "standard"] as const) {
      const report = await verify({ snapshot, endpoint: good.endpoint, level });
      expect(verdicts(report)["second-reader"]).toBeUndefined();
    }
  });

  it("catches a client of ours that is given, or gives, what the file holds in place of what the server does", async () => {
    const { snapshot, good, other } = await forged();
    const open = etcdClient.openEtcd;
    // Everything that our client asks goes to the good store, as if it read from a cache; status says so as well.
    const spy = vi
      .spyOn(etcdClient, "openEtcd")
      .mockImplementation((_, signal): EtcdClient => open(good.endpoint, signal));
    try {
      const report = await verify({ snapshot, endpoint: other.endpoint, level: "full" });
      expect(verdicts(report)).toMatchObject({
        hashkv: "pass",
        "read-back": "pass",
        "second-reader": "fail",
      });
      expect(report.verdict).toBe("fail");
      const check = report.checks.find(({ id }) => id === "second-reader");
      expect(check?.reason).toBe(`etcd3 reads otherwise: ${KEY}-7 (value)`);
      expect(JSON.stringify(report)).not.toMatch(/something else|as it was saved/);
    } finally {
      spy.mockRestore();
    }
  });

  it("catches a comparer that finds everything the same", async () => {
    const { snapshot, other } = await forged();
    const blind: Snapshot = {
      ...snapshot,
      live: {
        ...snapshot.live,
        comparer: (bytes, slots) => ({
          ...snapshot.live.comparer(bytes, slots),
          compare: (_slot, _start, _length, _first, count) => ({
            ...{ matched: count, keys: count, headerRevision: 61, totalKeys: count },
            ...{ more: false, malformed: false },
          }),
        }),
      },
    };
    const report = await verify({ snapshot: blind, endpoint: other.endpoint, level: "full" });
    expect(verdicts(report)).toMatchObject({ "read-back": "pass", "second-reader": "fail" });
  });

  it("names a key that is missing, and one with another lease or revision", async () => {
    const good = await server();
    await write(
      good,
      [
        { put: "a", value: "1", lease: 1 },
        { put: "b", value: "2" },
        { put: "c", value: "3" },
      ],
      [600],
    );
    const snapshot = await snapshotOf(good);
    const other = await server();
    await write(other, [
      { put: "b", value: "2" },
      { put: "a", value: "1" },
      { put: "d", value: "3" },
    ]);
    const report = await verify({ snapshot, endpoint: other.endpoint, level: "full" });
    expect(report.checks.find(({ id }) => id === "second-reader")?.reason).toBe(
      "etcd3 reads otherwise: a (createRevision modRevision lease), b (createRevision modRevision), c (missing)",
    );
  });

  it("reads over TLS, with a user and its password", async () => {
    const secured = await server({ tls: true });
    await secured.etcdctl("put", "a", "1");
    const snapshot = await snapshotOf(secured);
    const report = await verify({ snapshot, endpoint: secured.endpoint, level: "full" });
    expect(verdicts(report)["second-reader"]).toBe("pass");
    await secured.etcdctl("user", "add", "root", "--new-user-password", "pass word");
    await secured.etcdctl("user", "grant-role", "root", "root");
    await secured.etcdctl("auth", "enable");
    const endpoint = { ...secured.endpoint, username: "root", password: "pass word" };
    const closed = await verify({ snapshot, endpoint, level: "full", inUse: true });
    expect(verdicts(closed)["second-reader"]).toBe("pass");
  });

  it("reads from no server whose certificate is for another address", async () => {
    const secured = await server({ tls: true });
    await secured.etcdctl("put", "a", "1");
    const snapshot = await snapshotOf(secured);
    const { live, revision } = snapshot;
    const localPort = Number(new URL(secured.endpoint.url).port);
    const near = { ...secured.endpoint, localPort };
    const check = (url: string) =>
      secondReaderCheck({ endpoint: { ...near, url }, live, revision });
    const warned = vi.spyOn(process, "emitWarning");
    expect(await check("https://127.0.0.1:2379")).toMatchObject({ verdict: "pass" });
    // An address as a TLS server's name, which Node refuses from 26 on.
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
    expect(await check("https://192.0.2.1:2379")).toMatchObject({
      verdict: "not-checked",
      reason: expect.stringContaining("192.0.2.1 is not in the cert's list") as string,
    });
  });

  it("chooses all of up to 1,000 keys, and of more the same ones for the same seed, spread over all", () => {
    expect(chosenKeys(1000, "x")).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const chosen = chosenKeys(1_000_000, "x");
    expect(chosen).toEqual(chosenKeys(1_000_000, "x"));
    expect(chosen).not.toEqual(chosenKeys(1_000_000, "y"));
    expect(chosen.length).toBe(1000);
    for (const [stretch, i] of chosen.entries()) expect(Math.floor(i / 1000)).toBe(stretch);
    expect(new Set(chosenKeys(1001, "x")).size).toBe(1000);
  });
});
