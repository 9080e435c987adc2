import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { watchLoads } from "../support/loaded";

const ROOT = join(__dirname, "..", "..");
const SAMPLE = join(ROOT, "test/fixtures/kubernetes-1.35-main.db");
const loads = watchLoads();
afterAll(() => {
  loads.remove();
});

function packagesOf(...args: readonly string[]): unknown {
  // Once compiled: the compiler itself is loaded where a file has changed since.
  for (let run = 0; run < 2; run++) {
    loads.take();
    const { status, stderr } = spawnSync(process.execPath, ["scripts/etcd-restore.cjs", ...args], {
      ...{ cwd: ROOT, env: { ...process.env, ...loads.env }, encoding: "utf8" },
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  }
  return loads.take().get("etcd-restore.cjs");
}

/** What reads the command line, and the compiler's version, by which compiled code is known. */
const ALWAYS = ["commander", "typescript"];

// On a stack that is up: test/acceptance/story.test.ts.
test.each([
  ["--help", ALWAYS, ["--help"]],
  ["ls of a plain file", ALWAYS, ["ls", SAMPLE]],
  ["get of a plain file", ALWAYS, ["get", "pods/kube-system/etcd-master", SAMPLE]],
  ["inspect of a plain file", ALWAYS, ["inspect", SAMPLE]],
])("%s loads no package that it does not need", (_what, packages, args) => {
  expect(packagesOf(...args)).toEqual(packages);
});
