/** What `start` says in the end to look inside: only what shows something of that store. */
import { execFileSync } from "node:child_process";
import * as path from "node:path";
import { expect, it } from "vitest";
import type { V2Summary } from "../../etcd/report/report";
import { waysToLook, writeEtcdctl } from "../../scripts/look-around";
import { temporaryDirectory } from "../support/temporary";

const SUMMARY = {
  ...{ file: "/b", sha256: "", bytes: 1, etcdVersion: "3.5.0" },
  ...{ revision: 1, compactRevision: 0, keys: 1, hashKv: 1 },
};
const V2: V2Summary = {
  ...{ keys: 1, folders: 0, hidden: 0, withTtl: 0, index: 1, servedIndex: 1 },
  same: { keys: 1, folders: 0 },
};
const SIGHTS = {
  ...{ folder: "/a/", key: "/a/b", etcdctl: "'/the lab/etcdctl'" },
  flag: " -c labDirectory=x",
};
const OF_V3 = [
  "npx etcd-restore ls /a/ -c labDirectory=x",
  "npx etcd-restore get /a/b -c labDirectory=x",
  "'/the lab/etcdctl' get / --prefix --keys-only --limit=20",
];
const OF_V2 = "npx etcd-restore ls / --v2 -c labDirectory=x";

it("is v3 keys of a snapshot", () => {
  expect(waysToLook({ ...SIGHTS, report: { snapshot: SUMMARY } })).toEqual(OF_V3);
});

it("is v2 keys of a v2 store, whose keys etcdctl does not list", () => {
  const empty = { ...SIGHTS, folder: undefined, key: undefined };
  const snapshot = { ...SUMMARY, keys: 0 };
  expect(waysToLook({ ...empty, report: { snapshot, v2: V2 } })).toEqual([OF_V2]);
});

it("is both where both are", () => {
  const report = { snapshot: SUMMARY, v2: V2 };
  expect(waysToLook({ ...SIGHTS, report })).toEqual([...OF_V3, OF_V2]);
});

it("is an etcdctl of the lab's own, whatever version of it the shell asks for", async () => {
  const lab = await temporaryDirectory();
  const typed = writeEtcdctl(lab, "printf '%s|' \"asked for ${ETCDCTL_API-none}\"");
  expect(typed).toContain("etcdctl");
  const env = { ...process.env, ETCDCTL_API: "2" };
  const printed = execFileSync(path.join(lab, "etcdctl"), ["get", "a b"], {
    env,
    encoding: "utf8",
  });
  expect(printed).toBe("asked for none|get|a b|");
});
