import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/temporary";

// They are ES modules, this file is not.
const check = () => import("../../scripts/tools/set-up/check.mjs");
const packages = () => import("../../scripts/tools/set-up/packages.mjs");
const run = () => import("../../scripts/tools/set-up/run.mjs");

describe("nodeProblem", () => {
  it.each(["20.19.0", "20.20.2", "22.0.0", "24.1.0"])("is content with %s", async (version) => {
    expect((await packages()).nodeProblem(version, ">=20.19")).toBeUndefined();
  });

  it.each(["20.18.3", "18.20.0"])("names %s and what is needed", async (version) => {
    expect((await packages()).nodeProblem(version, ">=20.19")).toBe(
      `this needs Node 20.19 or newer; found is ${version}. Install a newer one from https://nodejs.org`,
    );
  });
});

describe("isInstalled", () => {
  const lock = {
    packages: {
      "": { version: "1.0.0" },
      "node_modules/a": { version: "1.0.0", integrity: "sha512-A" },
      "node_modules/mac-only": { version: "1.0.0", integrity: "sha512-M", optional: true },
    },
  };
  const judge = async (installed: unknown): Promise<boolean> =>
    (await packages()).isInstalled(JSON.stringify(lock), JSON.stringify(installed));

  it("is so when all is there but packages for other computers", async () => {
    const { "node_modules/a": a } = lock.packages;
    expect(await judge({ packages: { "node_modules/a": a } })).toBe(true);
  });

  it.each([
    ["a package is missing", { packages: {} }],
    ["a version differs", { packages: { "node_modules/a": { version: "1.0.1" } } }],
    [
      "the content differs",
      { packages: { "node_modules/a": { version: "1.0.0", integrity: "sha512-B" } } },
    ],
    ["the note is no lock file", {}],
  ])("is not so when %s", async (_what, installed) => {
    expect(await judge(installed)).toBe(false);
  });

  it("is not so when npm noted nothing, or only half of it", async () => {
    const { isInstalled } = await packages();
    expect(isInstalled(JSON.stringify(lock), undefined)).toBe(false);
    expect(isInstalled(JSON.stringify(lock), '{"packages": {')).toBe(false);
  });
});

describe("run", () => {
  it("gives the exit code, and 128 + n for signal n", async () => {
    const cwd = await temporaryDirectory();
    expect(await (await run()).run("sh", ["-c", "exit 4"], { cwd })).toBe(4);
    expect(await (await run()).run("sh", ["-c", "kill -TERM $$"], { cwd })).toBe(143);
  });

  it("ends a program that takes too long, with all that it started", async () => {
    const cwd = await temporaryDirectory();
    const script =
      "trap 'echo ended >> told; exit 9' TERM; (trap 'echo child >> told' TERM; sleep 60) & wait";
    expect(await (await run()).run("bash", ["-c", script], { cwd, limit: 0.5 })).toBe(9);
    expect(await readFile(join(cwd, "told"), "utf8")).toContain("ended");
  });

  it("leaves no handler of a signal behind", async () => {
    const before = process.listenerCount("SIGINT");
    await (await run()).run("true", [], { cwd: await temporaryDirectory() });
    expect(process.listenerCount("SIGINT")).toBe(before);
  });
});

describe("shellScripts", () => {
  it("finds every .sh and .ci/run, and nothing that is not ours", async () => {
    const root = await temporaryDirectory();
    for (const file of [
      "a.sh",
      "deep/er/b.sh",
      ".ci/run",
      "run",
      "node_modules/c.sh",
      ".lab/d.sh",
    ]) {
      await mkdir(join(root, file, ".."), { recursive: true });
      await writeFile(join(root, file), "");
    }
    expect(await (await check()).shellScripts(root)).toEqual([".ci/run", "a.sh", "deep/er/b.sh"]);
  });
});
