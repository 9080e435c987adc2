/**
 * Keeps README.md's table of settings equal to the schema in Pulumi.yaml.
 *
 *   node --require ./engine/typescript.cjs scripts/tools/readme-tables.ts          writes the table
 *   node --require ./engine/typescript.cjs scripts/tools/readme-tables.ts --check  exits 1 when it is out of date
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

/** The README with its table made anew. */
export function withSettings(readme: string, table: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(
      `README.md lacks the lines ${BEGIN} and ${END}, between which the table belongs`,
    );
  }
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${readme.slice(end)}`;
}

function main(): void {
  const file = path.join(ROOT, "README.md");
  const before = fs.readFileSync(file, "utf8");
  const table = settingsTable(fs.readFileSync(path.join(ROOT, "Pulumi.yaml"), "utf8"));
  const after = withSettings(before, table);
  if (before === after) return;
  if (process.argv.includes("--check")) {
    process.stderr.write("README.md: the table of settings is out of date; run `npm run tables`\n");
    process.exitCode = 1;
  } else fs.writeFileSync(file, after);
}

if (process.argv[1] === __filename) main();
