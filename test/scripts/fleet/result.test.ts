/** Names of results: the same demand on the same content gives the same name, and nothing else does. */
import { expect, test } from "vitest";
import { version } from "../../../package.json";
import type { Entry } from "../../../scripts/fleet/list";
import { openRoom } from "../../../scripts/fleet/room";
import {
  fileNameOf,
  policyOf,
  worstOf,
  type Policy,
  type Result,
} from "../../../scripts/fleet/result";

const entry: Entry = { name: "prod eu/1", source: "/backups/a.db", line: 1 };
const asked: Policy = {
  ...{ level: "full", target: "local" },
  config: { "etcd-restore:etcdPassword": "one", "etcd-restore:etcdVersion": "auto" },
};

test("the policy changes with everything that decides what is done, and not with a line or a password", () => {
  const policy = policyOf(entry, asked);
  expect(policyOf({ ...entry, line: 7, level: "full" }, asked)).toBe(policy);
  const secret = { ...asked.config, "etcd-restore:etcdPassword": "two" };
  expect(policyOf(entry, { ...asked, config: secret })).toBe(policy);
  const others = [
    policyOf({ ...entry, name: "prod eu/2" }, asked),
    policyOf({ ...entry, source: "/backups/b.db" }, asked),
    policyOf({ ...entry, level: "quick" }, asked),
    policyOf({ ...entry, budget: { total: 60 } }, asked),
    policyOf({ ...entry, maxAge: 60 }, asked),
    policyOf({ ...entry, expectedCluster: "u" }, asked),
    policyOf(entry, { ...asked, target: "openstack" }),
    policyOf(entry, { ...asked, config: { "etcd-restore:etcdVersion": "3.6.16" } }),
  ];
  expect(new Set([policy, ...others]).size).toBe(others.length + 1);
});

test("a name has the content, the policy and the version in it, and nothing that leads elsewhere", () => {
  const backup = {
    sha256: "ab".repeat(32),
    bytes: 1,
    keys: 1,
    revision: 1,
    hashKv: 1,
    etcdVersion: "",
  };
  const result = { name: "../prod eu/1", policy: "0123456789ab", backup } as Result;
  expect(fileNameOf(result)).toBe(`___prod_eu_1.abababababababab.0123456789ab.${version}.json`);
  const unread = { name: "../prod eu/1", policy: "0123456789ab" } as Result;
  expect(fileNameOf(unread)).toContain(".unread.");
  const one = fileNameOf({ ...unread, object: { name: "x", identity: "1-2" } });
  expect(one).not.toBe(fileNameOf({ ...unread, object: { name: "x", identity: "1-3" } }));
});

test("of many ends that of the environment comes first: it may pass at the next try", () => {
  expect(worstOf([])).toBe(0);
  expect(worstOf([0, 2, 0])).toBe(2);
  expect(worstOf([2, 1, 0])).toBe(1);
  expect(worstOf([0, 1, 3])).toBe(3);
});

test("memory is given out in the order in which it is asked for, and too much of it to one alone", async () => {
  const room = openRoom(10);
  const order: string[] = [];
  const take = async (name: string, bytes: number): Promise<() => void> => {
    const leave = await room.take(bytes);
    order.push(name);
    return leave;
  };
  const first = await take("first", 6);
  const large = take("large", 50);
  const small = take("small", 1);
  await Promise.resolve();
  // The small one would fit, and waits: else the large one would wait for ever.
  expect(order).toEqual(["first"]);
  first();
  first();
  (await large)();
  await small;
  expect(order).toEqual(["first", "large", "small"]);
});
