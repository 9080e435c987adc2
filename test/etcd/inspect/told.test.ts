/** What `inspect` tells of what comes along with a restore, and that it does so for very many leases and users. */
import { afterAll, expect, it } from "vitest";

import { inspect } from "../../../etcd/inspect/inspection";
import { inspectionText } from "../../../etcd/inspect/text";
import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import { encodeMessage } from "../../../etcd/wire/protobuf";
import { readBase } from "../../mutation/base";
import { FORMS, withForm } from "../../mutation/kinds/forms";
import { build, contentsOf, type Contents } from "../../mutation/records";
import { createWorkspace } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const base = readBase();
let files = 0;

async function inspected(bytes: Buffer) {
  files += 1;
  const snapshot = await readSnapshot(workspace.write(`told-${files}.db`, bytes));
  try {
    const found = inspect(snapshot);
    return { found, text: inspectionText(found) };
  } finally {
    snapshot.close();
  }
}

function changed(change: (contents: Contents) => void): Buffer {
  const contents = contentsOf(base.good);
  change(contents);
  return build(contents);
}

function formNamed(part: string): Buffer {
  const form = FORMS.find(({ what }) => what.includes(part));
  if (form === undefined) throw new Error(`there is no form ${part}`);
  return withForm(base, form);
}

it("tells a downgrade under way, which the restored cluster goes on with", async () => {
  const { found, text } = await inspected(formNamed("downgrade: under way"));
  expect([found.verdict, found.etcd.downgradeTo]).toEqual(["restorable", "3.5.0"]);
  expect(text.replace(/\s+/g, " ")).toContain(
    "a downgrade to 3.5.0 was under way and comes along: the restored cluster goes on with it by itself; `etcdctl downgrade cancel`",
  );
  expect((await inspected(formNamed("downgrade: done"))).found.etcd.downgradeTo).toBeUndefined();
});

it("refuses a downgrade of 3.5, on which etcd 3.5 does not start", async () => {
  const { found } = await inspected(
    changed((contents) => {
      contents.set("cluster", [
        { key: Buffer.from("clusterVersion"), value: Buffer.from("3.5.0") },
        {
          key: Buffer.from("downgrade"),
          value: Buffer.from('{"target-version":"3.4.0","enabled":true}'),
        },
      ]);
      const meta = (contents.get("meta") ?? []).filter(
        ({ key }) => key.toString() !== "storageVersion",
      );
      contents.set("meta", meta);
    }),
  );
  expect(found.reasons.join()).toMatch(/a downgrade to 3\.4\.0 was under way.*downgrade cancel/);
});

it("says of keys whose lease is lost that they stay, and does not say that no key hangs on one", async () => {
  const { found, text } = await inspected(changed((contents) => contents.set("lease", [])));
  const lost = found.leases.keysWithoutTheirLease;
  expect(lost).toBeGreaterThan(1);
  expect(text).toContain(`${lost} keys whose lease is lost`);
  expect(text).not.toContain("no key hangs on one");
  expect(found.notes.join()).toMatch(
    /keys name a lease that the file does not hold.*stay for ever/,
  );
});

it("names a member that never started", async () => {
  const { text } = await inspected(formNamed("members, 8e9e05c52164694d: not started"));
  expect(text).toContain("(not started) http://x:1 (learner)");
});

it("counts twenty thousand leases and users, and lists ten thousand", async () => {
  const COUNT = 20_000;
  const bytes = changed((contents) => {
    contents.set(
      "lease",
      Array.from({ length: COUNT }, (_, i) => {
        const key = Buffer.alloc(8);
        key.writeBigUInt64BE(BigInt(i + 1), 0);
        return {
          key,
          value: encodeMessage([
            [1, i + 1],
            [2, 3600],
          ]),
        };
      }),
    );
    contents.set(
      "authUsers",
      Array.from({ length: COUNT }, (_, i) => {
        const name = `user-${String(i).padStart(6, "0")}`;
        return { key: Buffer.from(name), value: encodeMessage([[1, name]]) };
      }),
    );
  });
  const before = process.cpuUsage();
  const { found } = await inspected(bytes);
  const seconds = process.cpuUsage(before).user / 1e6;
  expect([found.leases.count, found.leases.leases.length, found.leases.leasesLeftOut]).toEqual([
    COUNT,
    10_000,
    COUNT - 10_000,
  ]);
  expect(found.auth.users.length).toBe(COUNT);
  // What was quadratic took minutes.
  expect(seconds).toBeLessThan(15);
}, 180_000);
