/** docs/options.md out of the rows. */
import type { Row } from "./rows";

const HEAD = `# Options, and what proves each

No option may be parsed and not used. Each of these is tried by \`test/scripts/options\`, with it and without, or by the test that is named; one that would be of no
use where it stands is refused (exit 2). The settings have their own: [settings.md](settings.md) says what each means, [settings-changes.md](settings-changes.md)
what a change of it does, by test. This page is written by the test (\`WRITE_TABLES=1 npx vitest run test/scripts/options\`).
`;

export function optionsTable(options: Readonly<Record<string, readonly Row[]>>): string {
  const parts = Object.entries(options)
    .filter(([, rows]) => rows.length > 0)
    .map(([command, rows]) => {
      const lines = rows.map((row) => {
        const proof = "test" in row ? `\`test/${row.test}\`` : "tried";
        return `| \`${row.option}\` | ${row.changes} | ${proof} |`;
      });
      const title = command === "" ? "Every command" : `\`${command}\``;
      return [
        `## ${title}`,
        "",
        "| option | what it changes | proved |",
        "| --- | --- | --- |",
        ...lines,
        "",
      ].join("\n");
    });
  return `${HEAD}\n${parts.join("\n")}`;
}
