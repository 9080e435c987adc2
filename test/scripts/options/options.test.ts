/** No option is parsed and not used: each is tried, with and without, or has a test of its own. The table is docs/options.md. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCommands, type Commands } from "../../support/commands";
import { TYPESCRIPT } from "../../support/typescript";
import { timeLimit } from "../../support/time-limit.cjs";
import { OPTIONS, type Row, type TriedOption } from "./rows";
import { optionsTable } from "./table";
import { openWorld, type World } from "./world";

const ROOT = path.join(__dirname, "..", "..", "..");
const all = Object.entries(OPTIONS).flatMap(([command, rows]) =>
  rows.map((row) => ({ command, row, name: `${command} ${row.option}`.trim() })),
);
const isTried = (row: Row): row is TriedOption => "words" in row;

/** Asks our command line itself, as it is loaded by node. */
const ASK = `
const { commandLine } = require("./scripts/command-line.ts");
const program = commandLine(["completion"]);
const named = (prefix, { options }) => options.map(({ long }) => (prefix + " " + long).trim());
const commands = program.commands.filter((command) => command.name() !== "help");
console.log(JSON.stringify({
  options: [...named("", program), ...commands.flatMap((command) => named(command.name(), command))],
  commands: commands.map((command) => command.name()),
}));`;

it("every option has a row, and every row an option", () => {
  const answer = execFileSync(process.execPath, ["--require", TYPESCRIPT, "-e", ASK], {
    cwd: ROOT,
  });
  const { options, commands } = JSON.parse(answer.toString()) as Record<string, string[]>;
  expect(all.map(({ name }) => name).sort()).toEqual(options?.sort());
  expect(
    Object.keys(OPTIONS)
      .filter((name) => name !== "")
      .sort(),
  ).toEqual(commands?.sort());
});

describe("is tried: what is shown with it and not without", () => {
  let world: World;
  let commands: Commands;
  const before = new Map<string, string>();
  beforeAll(async () => {
    world = await openWorld();
    commands = openCommands(world.environment);
  }, timeLimit(120_000));
  afterAll(async () => {
    await commands.close();
    await world.remove();
  });

  async function outcome(
    words: readonly string[],
    { option, effect }: TriedOption,
  ): Promise<string> {
    world.kubectlCalls();
    const { code, stdout, stderr } = await commands.run(words);
    const all = [code, stdout, stderr, world.kubectlCalls(), effect?.(world) ?? ""].join("\n");
    return option === "--no-color" ? all : stripVTControlCharacters(all);
  }

  const rows = all.flatMap(({ name, row }) => (isTried(row) ? [{ name, row }] : []));
  it.each(rows)("$name", async ({ row }) => {
    const words = row.without(world);
    const key = JSON.stringify([words, row.option === "--no-color"]);
    const without = before.get(key) ?? (await outcome(words, row));
    if (row.effect === undefined) before.set(key, without);
    const first = row.option === "--version" ? row.words(world) : [...words, ...row.words(world)];
    const with_ = await outcome(first, row);
    expect(with_).toMatch(row.shows);
    expect(without).not.toMatch(row.shows);
  });
});

describe("has a test of its own", () => {
  const rows = all.flatMap(({ name, row }) => (isTried(row) ? [] : [{ name, row }]));
  it.each(rows)("$name: $row.test", ({ row }) => {
    const text = fs.readFileSync(path.join(ROOT, "test", row.test), "utf8");
    const attribute = row.option
      .replace(/^--(no-)?/, "")
      .replace(/-([a-z])/g, (_, c: string) => c.toUpperCase());
    expect(text.includes(row.option) || new RegExp(`\\b${attribute}\\b`).test(text)).toBe(true);
  });
});

it("docs/options.md is the table of these", () => {
  const file = path.join(ROOT, "docs", "options.md");
  if (process.env.WRITE_TABLES === "1") fs.writeFileSync(file, optionsTable(OPTIONS));
  expect(fs.readFileSync(file, "utf8")).toBe(optionsTable(OPTIONS));
});
