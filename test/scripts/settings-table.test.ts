import * as fs from "node:fs";
import * as path from "node:path";
import { expect, test } from "vitest";
import { settingsTable, withSettings } from "../../scripts/tools/settings-table";

const ROOT = path.join(__dirname, "..", "..");

test("the table of settings in docs/ is that of their description", () => {
  const readme = fs.readFileSync(path.join(ROOT, "docs", "settings.md"), "utf8");
  const table = settingsTable();
  expect(readme).toBe(withSettings(readme, table));
  expect(table).toContain("| `snapshot` | string | required |");
});

test("a page without a place for the table is an error, not a silent success", () => {
  expect(() => withSettings("# Nothing here\n", "| a |")).toThrow(/lacks the lines/);
});
