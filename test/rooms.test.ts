/** The rooms as CONTRIBUTING.md tells them, and as the check of imports knows them. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Rules {
  readonly forbidden: readonly { readonly name: string; readonly comment?: string }[];
}
const { forbidden } = createRequire(__filename)("../.dependency-cruiser.cjs") as Rules;

const ROWS = readFileSync(join(__dirname, "..", "CONTRIBUTING.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| `[a-z]+\/` \|/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** `every room may import it`: of `files/` no rule speaks. */
const named = (names: readonly string[]) =>
  names.filter((name) => name !== "files" && name !== "").sort();

const RULES = forbidden.flatMap(({ name, comment = "" }) => {
  const [, room, allowed = ""] = /^(\w+) may import (.*) \(CONTRIBUTING/.exec(comment) ?? [];
  return name.startsWith("room-") && room !== undefined ? [{ room, allowed }] : [];
});

test("there is a rule for each room", () => {
  const rooms = ROWS.map(([, room = ""]) => room.replace(/[`/]/g, ""));
  const rules = [...RULES.map(({ room }) => room), "etcd", "test"];
  expect(rooms.sort()).toEqual(rules.sort());
});

test.each(RULES)(
  "$room imports what CONTRIBUTING.md says, and nothing else",
  ({ room, allowed }) => {
    const [, , , told = ""] = ROWS.find(([, name]) => name === `\`${room}/\``) ?? [];
    const names = [...told.matchAll(/`([^`]+?)\/?`/g)].map(([, name = ""]) => name);
    expect(named(names)).toEqual(named(allowed === "nothing of ours" ? [] : allowed.split(", ")));
  },
);
