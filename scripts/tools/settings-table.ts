/**
 * Keeps the table of settings in docs/settings.md equal to the schema in Pulumi.yaml.
 *
 *   node --require ./engine/typescript.cjs scripts/tools/settings-table.ts          writes the table
 *   node --require ./engine/typescript.cjs scripts/tools/settings-table.ts --check  exits 1 when it is out of date
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";

const ROOT = path.join(__dirname, "..", "..");
const BEGIN = "<!-- settings: made from Pulumi.yaml by `npm run tables` -->";
const END = "<!-- end of settings -->";

interface Setting {
  readonly type: string;
  readonly items?: { readonly type: string };
  readonly default?: unknown;
  readonly description: string;
}

/** The settings of a Pulumi.yaml as a Markdown table. */
export function settingsTable(pulumiYaml: string): string {
  const { config } = parse(pulumiYaml) as { config: Readonly<Record<string, Setting>> };
  const rows = Object.entries(config).map(([key, setting]) => {
    const name = key.replace(/^etcd-restore:/, "");
    const type = setting.items === undefined ? setting.type : `list of ${setting.items.type}s`;
    return `| \`${name}\` | ${type} | ${defaultText(setting.default)} | ${setting.description} |`;
  });
  return ["| setting | type | default | means |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function defaultText(value: unknown): string {
  if (value === undefined) return "required";
  if (value === "" || (Array.isArray(value) && value.length === 0)) return "none";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
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
  const table = settingsTable(fs.readFileSync(path.join(ROOT, "Pulumi.yaml"), "utf8"));
  const after = withSettings(before, table);
  if (before === after) return;
  if (process.argv.includes("--check")) {
    process.stderr.write(
      "docs/settings.md: the table of settings is out of date; run `npm run tables`\n",
    );
    process.exitCode = 1;
  } else fs.writeFileSync(file, after);
}

if (process.argv[1] === __filename) main();
