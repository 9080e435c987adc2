/** Parts of packages that a program need not have are loaded when they are used, and are then what they are anyway. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { TYPESCRIPT } from "../support/typescript";

const ROOT = join(__dirname, "..", "..");
const PRELOAD = join(ROOT, "engine", "embedded", "preload.cjs");

/** What a program prints; `loaded` of it counts the files that it has loaded with this in their path. */
function printed(program: string, ...preloads: readonly string[]): unknown {
  const loaded =
    "const loaded = (part) => Object.keys(require.cache).filter((file) => file.includes(part)).length;";
  // What the settings of a Pulumi program come by.
  const file = join(mkdtempSync(join(tmpdir(), "etcd-restore-test-")), "settings.json");
  writeFileSync(file, "{}");
  const settings = openSync(file, "r");
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...preloads.flatMap((file) => ["--require", file]), "-e", `${loaded}\n${program}`],
    { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe", "ignore", settings] },
  );
  closeSync(settings);
  rmSync(dirname(file), { recursive: true });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

it("zod is loaded without its languages, which are there for whoever asks", () => {
  const program = `
    const z = require("zod");
    const before = loaded("/locales/");
    const { error } = z.string().safeParse(1);
    z.config(z.locales.de());
    const german = z.string().safeParse(1).error;
    console.log(JSON.stringify([before, ...[error, german].map(({ issues }) => issues[0].message)]));`;
  expect(printed(program, TYPESCRIPT)).toEqual([
    2, // English, and the list of them
    "Invalid input: expected string, received number",
    "Ungültige Eingabe: erwartet string, erhalten Zahl",
  ]);
});

it("a Pulumi program has the SDK without what it does not use, and with all of it", () => {
  const program = `
    const pulumi = require("@pulumi/pulumi");
    const before = loaded("/automation/");
    const named = [pulumi.automation.LocalWorkspace, pulumi.dynamic.Resource, pulumi.provider.main];
    console.log(JSON.stringify([before, loaded("/automation/") > 0, ...named.map((one) => typeof one)]));`;
  expect(printed(program, PRELOAD)).toEqual([0, true, "function", "function", "function"]);
});
