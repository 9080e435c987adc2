/** The messages that docs/troubleshooting.md explains are those that we print: whoever has one finds its row. */
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import { PROJECT } from "../support/lab";

const ROOMS = ["components", "engine", "etcd", "machine", "scripts", "settings", "sources"];

/** What our sources say: literals that stand on several lines in one piece, and `…` for what is put in. */
function sayings(): string {
  return ROOMS.flatMap((room) =>
    fs
      .readdirSync(path.join(PROJECT, room), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(ts|sh)$/.test(name))
      .map((name) => fs.readFileSync(path.join(PROJECT, room, name), "utf8")),
  )
    .join("\n")
    .replaceAll(/["`] \+\s*["`]/g, "")
    .replaceAll(/\$\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, "…");
}

/** The literal pieces of a message: what is between the dots, numbers and ids. */
const pieces = (message: string): readonly string[] =>
  message
    .split(/…:?|\b\d+\b|\w+-\w+/)
    .map((piece) => piece.trim())
    .filter((piece) => piece.length > 4);

it("names messages that our sources hold", () => {
  const page = fs.readFileSync(path.join(PROJECT, "docs", "troubleshooting.md"), "utf8");
  const said = sayings();
  const rows = page
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (---|message)/.test(line));
  const messages = rows
    .map((row) => row.split(" | ")[0] ?? "")
    .filter((cell) => !cell.startsWith("| nova's"))
    .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, message = ""]) => message));
  expect(messages.length).toBeGreaterThan(rows.length - 2);
  const unknown = messages.flatMap(pieces).filter((piece) => !said.includes(piece));
  expect(unknown).toEqual([]);
});
