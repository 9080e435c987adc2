import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const ROOT = join(__dirname, "..", "..");
const SAMPLE = join(ROOT, "test/fixtures/kubernetes-1.35-main.db");
const folder = mkdtempSync(join(tmpdir(), "etcd-restore-start-up-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes the names of the packages that a process has loaded, when it ends. */
const PRELOAD = join(folder, "preload.cjs");
writeFileSync(
  PRELOAD,
  `process.on("exit", () => {
    const names = Object.keys(require.cache).flatMap((file) =>
      /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(file)?.[1] ?? []);
    require("node:fs").writeFileSync(process.env.LOADED, JSON.stringify([...new Set(names)].sort()));
  });`,
);

function packagesOf(...args: readonly string[]): unknown {
  const LOADED = join(folder, "loaded.json");
  const command = ["--require", PRELOAD, "scripts/etcd-restore.cjs", ...args];
  // Once compiled: the compiler itself is loaded where a file has changed since.
  for (let run = 0; run < 2; run++) {
    const { status, stderr } = spawnSync(process.execPath, command, {
      ...{ cwd: ROOT, env: { ...process.env, LOADED }, encoding: "utf8" },
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  }
  return JSON.parse(readFileSync(LOADED, "utf8"));
}

/** What reads the command line, and the compiler's version, by which compiled code is known. */
const ALWAYS = ["commander", "picocolors", "typescript"];

test.each([
  ["--help", ALWAYS, ["--help"]],
  ["ls of a plain file", ALWAYS, ["ls", SAMPLE]],
  ["get of a plain file", ALWAYS, ["get", "pods/kube-system/etcd-master", SAMPLE]],
  ["inspect of a plain file", ALWAYS, ["inspect", SAMPLE]],
])("%s loads no package that it does not need", (_what, packages, args) => {
  expect(packagesOf(...args)).toEqual(packages);
});
