/**
 * Keeps the table of settings in docs/settings.md equal to their description in settings/settings.ts.
 *
 *   node --require ./engine/typescript.cjs scripts/tools/settings-table.ts          writes the table
 *   node --require ./engine/typescript.cjs scripts/tools/settings-table.ts --check  exits 1 when it is out of date
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { SETTINGS, type Setting } from "../../settings/settings";

const ROOT = path.join(__dirname, "..", "..");
const BEGIN = "<!-- settings: made from settings/settings.ts by `npm run tables` -->";
const END = "<!-- end of settings -->";

/** The settings as a Markdown table. */
export function settingsTable(): string {
  const rows = Object.entries<Setting>(SETTINGS).map(([name, { type, default: value, means }]) => {
    const kind = type === "list" ? "list of strings" : type;
    return `| \`${name}\` | ${kind} | ${defaultText(value)} | ${means} |`;
  });
  return ["| setting | type | default | means |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function defaultText(value: Setting["default"]): string {
  if (value === undefined) return "required";
  // Of a list or an object none has another one.
  if (value === "" || typeof value === "object") return "none";
  return `\`${value}\``;
}

/** The page with its table made anew. */
export function withSettings(page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(
      `docs/settings.md lacks the lines ${BEGIN} and ${END}, between which the table belongs`,
    );
  }
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}

function main(): void {
  const file = path.join(ROOT, "docs", "settings.md");
  const before = fs.readFileSync(file, "utf8");
  const after = withSettings(before, settingsTable());
  if (before === after) return;
  if (process.argv.includes("--check")) {
    process.stderr.write(
      "docs/settings.md: the table of settings is out of date; run `npm run tables`\n",
    );
    process.exitCode = 1;
  } else fs.writeFileSync(file, after);
}

if (process.argv[1] === __filename) main();
