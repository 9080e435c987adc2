/** Nothing that is executed comes from a folder that somebody else can write to. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

import { compiledCodeFolder } from "../../engine/compiled-code.cjs";
import { temporaryDirectory } from "../support/temporary";
import { TYPESCRIPT } from "../support/typescript";

const ROOT = join(__dirname, "../..");
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
const CACHE = join(ROOT, ".tools", "compiled");

function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  return spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    timeout: 50_000,
  });
}

/** A program of the project, by what is named, which prints the words that are to be seen. */
const program = (by: string) => [
  "--require",
  by,
  join(ROOT, "scripts", "etcd-restore.ts"),
  "--version",
];

it("does not run what another user planted where tsx would look for it", async () => {
  const shared = await temporaryDirectory();
  fs.chmodSync(shared, 0o1777);
  const marker = join(shared, "ran");
  const env = { TMPDIR: shared, TSX_TSCONFIG_PATH: join(ROOT, "tsconfig.json") };
  // tsx itself, as it comes: fills its folder, and takes from it whatever is there.
  const tsx = program(require.resolve("tsx/cjs"));
  expect(run(tsx, env).stdout).toMatch(/^\d+\.\d+\.\d+/);
  const planted = join(shared, `tsx-${process.geteuid?.()}`);
  const evil = `require("node:fs").appendFileSync(${JSON.stringify(marker)}, "x");`;
  for (const name of fs.readdirSync(planted)) {
    const file = join(planted, name);
    const entry = JSON.parse(fs.readFileSync(file, "utf8")) as { code: string };
    fs.writeFileSync(file, JSON.stringify({ ...entry, code: evil + entry.code }));
    if (isRoot) fs.chownSync(file, NOBODY, NOBODY);
  }
  if (isRoot) fs.chownSync(planted, NOBODY, NOBODY);
  run(tsx, env);
  expect(fs.existsSync(marker)).toBe(true); // the trap works
  fs.rmSync(marker);

  expect(run(program(TYPESCRIPT), env).stdout).toMatch(/^\d+\.\d+\.\d+/);
  expect(fs.existsSync(marker)).toBe(false);
});

it("does not make a temporary directory that is not there, and gives the program the user's own", async () => {
  const missing = join(await temporaryDirectory(), "missing");
  const print = [
    "--require",
    TYPESCRIPT,
    "-p",
    "process.env.TMPDIR + process.env.TSX_DISABLE_CACHE",
  ];
  expect(run(print, { TMPDIR: missing }).stdout).toBe(`${missing}undefined\n`);
  expect(run(program(TYPESCRIPT), { TMPDIR: missing }).status).toBe(0);
  expect(fs.existsSync(missing)).toBe(false);
});

it("keeps what was compiled in the project, for its user alone", () => {
  expect(run(program(TYPESCRIPT), {}).status).toBe(0);
  expect(fs.statSync(CACHE).mode & 0o777).toBe(0o700);
  expect(fs.readdirSync(CACHE).length).toBeGreaterThan(0);
});

it.runIf(isRoot)(
  "takes the user's cache for a project that is somebody else's, if it is safe",
  async () => {
    const directory = await temporaryDirectory();
    fs.chmodSync(directory, 0o755);
    const project = join(directory, "project");
    const cache = join(directory, "cache");
    fs.mkdirSync(project);
    fs.chownSync(project, NOBODY, NOBODY);
    const found = () => compiledCodeFolder(project, { XDG_CACHE_HOME: cache });
    const compiled = join(cache, "etcd-restore", "compiled");
    expect(found()).toBe(compiled);
    expect(fs.statSync(compiled).mode & 0o777).toBe(0o700);

    fs.chownSync(compiled, NOBODY, NOBODY);
    expect(found()).toBeUndefined();
    fs.rmdirSync(compiled);
    fs.symlinkSync(directory, compiled);
    expect(found()).toBeUndefined();
    fs.rmSync(compiled);
    fs.mkdirSync(compiled);
    fs.chmodSync(compiled, 0o777);
    expect(found()).toBeUndefined();
    fs.chmodSync(compiled, 0o700);
    expect(found()).toBe(compiled);
    // Whoever may rename a folder on the way may put another in its place.
    fs.chmodSync(cache, 0o777);
    expect(found()).toBeUndefined();
    fs.chmodSync(cache, 0o1777);
    expect(found()).toBe(compiled);
    fs.chownSync(cache, NOBODY, NOBODY);
    expect(found()).toBeUndefined();
  },
);

it("takes none when the project's folder is open to others", async () => {
  const project = await temporaryDirectory();
  const env = { XDG_CACHE_HOME: "/dev/null" };
  expect(compiledCodeFolder(project, env)).toBe(join(project, ".tools", "compiled"));
  fs.chmodSync(project, 0o777);
  expect(compiledCodeFolder(project, env)).toBeUndefined();
});
