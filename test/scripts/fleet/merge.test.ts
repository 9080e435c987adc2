/** One report out of many results: what counts, what is missing, and each of its four forms. */
import { DOMParser } from "@xmldom/xmldom";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  fleetReport,
  percent,
  type FleetReport,
  type ShortResult,
} from "../../../scripts/fleet/report/fleet-report";
import { fleetHtml } from "../../../scripts/fleet/report/html";
import { fleetJunit } from "../../../scripts/fleet/report/junit";
import { fleetMetrics } from "../../../scripts/fleet/report/prometheus";
import { readResults } from "../../../scripts/fleet/report/read-results";
import { fleetText } from "../../../scripts/fleet/report/text";
import { fileNameOf } from "../../../scripts/fleet/result";
import { openCommands } from "../../support/commands";
import { createWorkspace } from "../../support/kubernetes-fixtures";

const NOW = new Date("2026-11-29T12:00:00Z");
const WILD = 'a "quoted" <b>&\\ name\u202e';

function result(name: string, changes: Partial<ShortResult> = {}): ShortResult {
  return {
    ...{ schemaVersion: 1, tool: "etcd-restore 0", name, source: `/backups/${name}.db` },
    ...{ policy: "0123456789ab", level: "full", verdict: "pass", exitCode: 0, failed: [] },
    ...{ startedAt: "2026-11-29T03:00:00.000Z", endedAt: "2026-11-29T03:00:05.000Z" },
    ...{ seconds: 5, phases: [] },
    ...changes,
  };
}

const merged = (
  results: readonly ShortResult[],
  names?: readonly string[],
  unreadable: readonly string[] = [],
): FleetReport =>
  fleetReport(results, {
    list: names?.map((name, line) => ({ name, source: "/x", line, level: "full" })),
    ...{ unreadable, places: [], withinSeconds: 86_400, now: NOW },
    evidence: { signed: false, histories: [], problems: [] },
  });

test("of several results of a backup the newest counts; when it passed last is told all the same", () => {
  const endedAt = "2026-11-29T04:00:00.000Z";
  const failed = result("a", { verdict: "fail", exitCode: 1, reason: "differs", endedAt });
  for (const order of [
    [result("a"), failed],
    [failed, result("a")],
  ]) {
    const report = merged(order);
    expect(report.rows).toMatchObject([
      { name: "a", verdict: "fail", reason: "differs", lastPass: "2026-11-29T03:00:05.000Z" },
    ]);
    // It was proved within the window, and is not good now: the two are different questions.
    expect(report).toMatchObject({ verdict: "fail", coverage: { proved: 1, share: 1 } });
  }
});

test.each<[FleetReport["verdict"], string, FleetReport]>([
  ["pass", "all proved", merged([result("a"), result("b")], ["a", "b"])],
  [
    "restorable",
    "one only read",
    merged([result("a"), result("b", { verdict: "restorable", level: "file" })]),
  ],
  ["incomplete", "one without a result", merged([result("a")], ["a", "b"])],
  [
    "incomplete",
    "one good at less than was asked",
    merged([result("a", { level: "quick" })], ["a"]),
  ],
  ["incomplete", "a result that cannot be read", merged([result("a")], ["a"], ["/x"])],
  ["incomplete", "nothing", merged([])],
  ["fail", "one failed, whatever else", merged([result("a", { verdict: "fail" })], ["a", "b"])],
])("%s: %s", (verdict, _, report) => {
  expect(report.verdict).toBe(verdict);
});

test("a pass that is too long ago covers nothing, and a backup that is not of the list counts nowhere", () => {
  const old = { endedAt: "2026-11-28T11:00:00.000Z" };
  const report = merged([result("a", old), result("b"), result("stranger")], ["a", "b", "c"]);
  expect(report).toMatchObject({
    ...{ backups: 3, counts: { pass: 2, missing: 1 } },
    coverage: { proved: 1, withinSeconds: 86_400 },
    trend: [
      { day: "2026-11-28", pass: 1 },
      { day: "2026-11-29", pass: 2, medianSeconds: 5 },
    ],
  });
  expect(fleetText(report, { color: false })).toMatch(
    /^INCOMPLETE: of 3 backups 2 proved, 1 without a result\n33\.3 % were proved[\s\S]*missing c: there is no result/,
  );
});

test("nearly all is not all", () => {
  expect(percent(4999 / 5000)).toBe("99.9 %");
  expect(percent(1)).toBe("100.0 %");
});

test("JUnit has one case a backup, and is well-formed whatever a name holds", () => {
  const bad = result(WILD, { verdict: "fail", exitCode: 1, reason: "]]> & <x>" });
  const xml = fleetJunit(merged([result("a"), bad], ["a", WILD, "gone"]));
  const document = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  }).parseFromString(xml, "text/xml");
  expect(document.getElementsByTagName("testcase")).toHaveLength(3);
  expect(document.getElementsByTagName("failure")).toHaveLength(2);
  expect(document.documentElement?.getAttribute("failures")).toBe("2");
});

test("metrics: shares, verdicts, and when each passed last; a name cannot break out of its label", () => {
  const text = fleetMetrics(merged([result("a"), result(WILD, { verdict: "fail" })], ["a", WILD]));
  expect(text).toContain('\netcd_restore_fleet_verdict{verdict="fail"} 1\n');
  expect(text).toContain("\netcd_restore_fleet_proved_ratio 0.5\n");
  expect(text).toContain('backup_good{backup="a \\"quoted\\" <b>&\\\\ name\u202e"} 0\n');
  expect(text).toContain('backup_last_pass_timestamp_seconds{backup="a"} 1795921205\n');
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="([^"\\]|\\.)*"\})? [\d.e+-]+)$/);
  }
});

describe("reading", () => {
  let files: ReturnType<typeof createWorkspace>;
  beforeEach(() => {
    files = createWorkspace();
  });
  afterEach(() => {
    files.remove();
  });
  const { signal } = new AbortController();

  test("results are read wherever they lie below a folder, each once; what is damaged is named, what is none is left alone", async () => {
    mkdirSync(files.path("night"));
    const write = (folder: string, one: ShortResult): void => {
      const report = { secret: "its own report is not kept" };
      writeFileSync(`${files.path(folder)}/${fileNameOf(one)}`, JSON.stringify({ ...one, report }));
    };
    write("", result("a"));
    write("night", result("b"));
    files.write("c.unread.0123456789ab.0.1.0.json", Buffer.from('{"schemaVersion":1,'));
    files.write("fleet.json", Buffer.from("{}"));
    const read = await readResults([files.path(""), files.path("night")], signal);
    expect(read.results.map(({ name }) => name).sort()).toEqual(["a", "b"]);
    expect(JSON.stringify(read)).not.toContain("its own report");
    expect(read.unreadable).toEqual([expect.stringContaining("c.unread.")]);
    await expect(readResults([files.path("nowhere")], signal)).rejects.toThrow(
      /no such file or folder/,
    );
  });

  test("a place without results: merge says that there are none and where it looked, with a list or without, and ends with 1", async () => {
    mkdirSync(files.path("empty"));
    mkdirSync(files.path("other"));
    files.write("other/notes.txt", Buffer.from("x"));
    const list = files.write("fleet.csv", Buffer.from("name,source\na,a.db\n"));
    const places = [files.path("empty"), files.path("other")] as const;
    const none = [
      `no results in ${places[0]}: nothing lies there`,
      `no results in ${places[1]}: of 1 file none is one`,
    ];
    const commands = openCommands();
    const alone = await commands.run(["merge", ...places, "--report", files.path("out")]);
    const quiet = await commands.run(["merge", ...places, "--quiet"]);
    const json = await commands.run(["merge", ...places, "--json"]);
    const listed = await commands.run(["merge", ...places, "--list", list]);
    await commands.close();
    expect([alone, quiet, json, listed].map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    const sentence = `INCOMPLETE: there are no results in ${places.join(", ")}`;
    expect(alone.stdout).toContain(sentence);
    expect(quiet.stdout.trim()).toBe(sentence);
    for (const line of none) {
      expect(alone.stdout).toContain(line);
      expect(listed.stdout).toContain(line);
      expect(readFileSync(files.path("out/fleet.html"), "utf8")).toContain(line);
    }
    expect(listed.stdout).toContain("of 1 backup 1 without a result");
    expect(JSON.parse(json.stdout)).toMatchObject({
      verdict: "incomplete",
      backups: 0,
      places: [
        { name: places[0], files: 0, results: 0 },
        { name: places[1], files: 1, results: 0 },
      ],
    });
  });

  const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find(existsSync);

  test.skipIf(executablePath === undefined)(
    "the page with 5,000 rows: search, one verdict, sort, no request, no error",
    { timeout: 120_000 },
    async () => {
      const rows = Array.from({ length: 5000 }, (_, at) =>
        result(`cluster-${at}`, {
          seconds: (at * 7919) % 5000,
          ...(at % 100 === 7
            ? { verdict: "fail", exitCode: 1, reason: `differs in ${at} keys` }
            : {}),
        }),
      );
      const html = fleetHtml(merged([...rows, result(WILD)]));
      const file = files.write("fleet.html", Buffer.from(html));
      const browser = await chromium.launch({
        ...(executablePath === undefined ? {} : { executablePath }),
        args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
      });
      try {
        const page = await browser.newPage();
        const told: string[] = [];
        page.on("console", (message) => told.push(message.text()));
        page.on("pageerror", (error) => told.push(error.message));
        page.on("request", (request) => {
          if (!request.url().startsWith("file:")) told.push(request.url());
        });
        await page.goto(pathToFileURL(file).href);
        const shown = page.locator("#shown");
        expect(await shown.textContent()).toBe("5001 of 5001, the first 200 shown");
        await page.fill("#search", "differs cluster-1007");
        await expect.poll(() => shown.textContent()).toBe("1 of 5001");
        await page.fill("#search", "");
        await page.selectOption("#only", "fail");
        await expect.poll(() => shown.textContent()).toBe("50 of 5001");
        await page.selectOption("#only", "");
        const time = page.getByRole("button", { name: "Time" });
        const first = page.locator("#backups tbody tr:first-child td:nth-child(7)");
        await time.click();
        expect(await first.getAttribute("data-key")).toBe("0");
        await time.click();
        expect(await first.getAttribute("data-key")).toBe("4999");
        const visibleRows = page.locator("#backups tbody tr:not([hidden])");
        expect(await visibleRows.count()).toBe(200);
        await page.click("#more");
        expect(await visibleRows.count()).toBe(1200);
        // In the page's own thread, so that nobody waits for it: a sort takes less than a second of it.
        const took = await page.evaluate(
          `(() => { const at = performance.now(); document.querySelector("#backups thead button").click(); return performance.now() - at; })()`,
        );
        expect(took).toBeLessThan(2000);
        expect(told).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );
});
