import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { lineProgress } from "../../../engine/progress/lines";
import { renderTree, treeProgress, type Row } from "../../../engine/progress/tree";
import { summaryLine } from "../../../engine/progress/wording";

const COMMAND = "urn:pulumi:s::p::p:index:Group$command:local:Command::restore";
const GROUP = "urn:pulumi:s::p::p:index:Group::group";
const OTHER = "urn:pulumi:s::p::command:local:Command::other";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("plain lines", () => {
  it("say once that a step begins and once that it ends, with what it says in between", () => {
    const lines: string[] = [];
    const progress = lineProgress((line) => lines.push(line));
    progress.registered(COMMAND, GROUP);
    progress.started(COMMAND, "create");
    progress.said(COMMAND, "restored 17 keys");
    vi.advanceTimersByTime(1234);
    progress.ended(COMMAND, "create");
    progress.started(OTHER, "update");
    progress.ended(OTHER, "update", "it is broken\n(exit status 3)");
    progress.ended(GROUP, "same");
    progress.passing("42 %");

    expect(lines).toEqual([
      "+ command:local:Command restore: creating",
      "    restore | restored 17 keys",
      "+ command:local:Command restore: created (1.2 s)",
      "~ command:local:Command other: updating",
      "! command:local:Command other: failed (0.0 s):\n    it is broken\n    (exit status 3)",
    ]);
  });

  it("of a preview name what would change and why, and not what stays", () => {
    const lines: string[] = [];
    const progress = lineProgress((line) => lines.push(line));
    progress.planned(COMMAND, "replace", ["triggers"]);
    progress.planned(OTHER, "same", []);
    expect(lines).toEqual(["± command:local:Command restore: to replace (triggers)"]);
  });
});

describe("the summary", () => {
  const took = { ok: true, seconds: 2.34 };

  it("counts what was done", () => {
    expect(summaryLine({ verb: "up", changes: { create: 2, same: 5 }, ...took })).toBe(
      "up: 2 created, 5 unchanged in 2.3 s",
    );
    expect(summaryLine({ verb: "preview", changes: { create: 2, delete: 1 }, ...took })).toBe(
      "preview: 2 to create, 1 to delete in 2.3 s",
    );
  });

  it("says that nothing has changed, or was there", () => {
    expect(summaryLine({ verb: "up", changes: { same: 5 }, ...took })).toBe(
      "up: nothing changed (5 unchanged) in 2.3 s",
    );
    expect(summaryLine({ verb: "destroy", changes: {}, ...took })).toBe(
      "destroy: nothing was there in 2.3 s",
    );
  });

  it("says that it failed, and what was done before", () => {
    expect(summaryLine({ verb: "up", changes: { create: 2 }, ok: false, seconds: 61.2 })).toBe(
      "up failed in 61 s: 2 created",
    );
  });

  it("says that nothing was changed when only the stack itself was looked at", () => {
    for (const changes of [{}, { create: 1 }, { same: 1 }]) {
      expect(summaryLine({ verb: "up", changes, ok: false, seconds: 2 })).toBe(
        "up failed in 2.0 s: nothing was changed",
      );
    }
  });
});

describe("the tree", () => {
  const rows: readonly Row[] = [
    { urn: GROUP, parent: "", operation: "create", endedAt: 1000 },
    { urn: COMMAND, parent: GROUP, operation: "create", startedAt: 0, said: "17 of 40 keys" },
    { urn: OTHER, parent: "", operation: "update", startedAt: 0, endedAt: 500, error: "broken" },
  ];
  const plain = (text: string): string =>
    text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g"), "");

  it("shows children under their parents, with time and last word of what is running", () => {
    expect(plain(renderTree(rows, 2500, { columns: 100, rows: 20 }))).toBe(
      [
        "+ p:index:Group group created",
        "  ⠋ command:local:Command restore creating (2.5 s)  17 of 40 keys",
        "✗ command:local:Command other failed (0.5 s)",
      ].join("\n"),
    );
  });

  it("is never wider or higher than the terminal", () => {
    const lines = plain(renderTree(rows, 2500, { columns: 20, rows: 2 })).split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(20);
  });

  it("leaves one line when nothing has changed", async () => {
    const written: string[] = [];
    const stream = Object.assign(Object.create(process.stderr) as NodeJS.WriteStream, {
      columns: 80,
      rows: 24,
      isTTY: true,
      write: (text: string) => {
        written.push(text);
        return true;
      },
    });
    const progress = await treeProgress(stream);
    progress.registered(OTHER, "");
    progress.ended(OTHER, "same");
    progress.finished({ verb: "up", ok: true, changes: { same: 1 }, seconds: 1 });
    expect(
      plain(written.join(""))
        .split("\n")
        .filter((line) => line.includes("unchanged")),
    ).toEqual(["up: nothing changed (1 unchanged) in 1.0 s"]);
  });
});
