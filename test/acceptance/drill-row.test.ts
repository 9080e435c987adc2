/**
 * Drills one after another and beside each other: all end as they should, and the computer is as it was after each. A few
 * here; `ETCD_RESTORE_TIMES=100` makes that many, three tenths as many of a damaged backup, eight at once, and prints what
 * came of them.
 */
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REPORT_FILES } from "../../etcd/report/report";
import { openDrills, tell, TIMES, type Drills } from "../support/drills";
import { isListening } from "../support/lab";

const GOOD = TIMES ?? 2;
const DAMAGED = Math.ceil(GOOD * 0.3);
const AT_ONCE = TIMES === undefined ? 4 : 8;
const LIMIT_MS = 120_000;

let drills: Drills;
beforeAll(() => {
  drills = openDrills();
});
afterAll(() => {
  drills.close();
});

/** What the computer holds of us besides files and processes, which `left` tells. */
function mounts(): readonly string[] {
  return fs
    .readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(drills.path("")));
}

/** Memory that is to be had, in MB: others take and give as well, so it is told and not compared. */
function availableMegabytes(): number {
  const kilobytes = /MemAvailable:\s+(\d+)/.exec(fs.readFileSync("/proc/meminfo", "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}

async function expectAsBefore(endpoint: string | undefined): Promise<void> {
  expect(drills.left()).toEqual([]);
  expect(mounts()).toEqual([]);
  const port = Number(/:(\d+)$/.exec(endpoint ?? "")?.[1]);
  if (!Number.isNaN(port)) expect(await isListening(port), `port ${port}`).toBe(false);
}

function expectEvidence(directory: string): void {
  for (const file of REPORT_FILES) expect(fs.existsSync(`${directory}/${file}`), file).toBe(true);
}

test(
  "one after another: each passes, and leaves nothing",
  async () => {
    const memory = [availableMegabytes()];
    const endpoints = new Set<string>();
    for (let done = 0; done < GOOD; done += 1) {
      const run = drills.begin("drill", drills.good);
      const { code, stderr } = await run.ended;
      expect(code, stderr).toBe(0);
      const report = run.report();
      expect(report).toMatchObject({ verdict: "pass", restored: { keys: 337 } });
      expectEvidence(run.reports);
      await expectAsBefore(report?.restored.endpoint);
      endpoints.add(report?.restored.endpoint ?? "");
      fs.rmSync(run.reports, { recursive: true });
      if (done % 10 === 9) memory.push(availableMegabytes());
    }
    tell("one after another", { passed: GOOD, ports: endpoints.size, memory });
  },
  LIMIT_MS * GOOD,
);

test(
  "of a damaged backup: each is refused with its evidence, and leaves nothing",
  async () => {
    const codes: Record<number, number> = {};
    for (let done = 0; done < DAMAGED; done += 1) {
      const run = drills.begin("drill", drills.damagedAt(done));
      const { code, stderr } = await run.ended;
      expect([1, 2], stderr).toContain(code);
      expect(run.report()?.verdict).toBe("fail");
      expectEvidence(run.reports);
      await expectAsBefore(run.report()?.restored.endpoint);
      codes[code ?? -1] = (codes[code ?? -1] ?? 0) + 1;
    }
    tell("damaged", { codes });
  },
  LIMIT_MS * DAMAGED,
);

test(
  `${AT_ONCE} at once: each on ports and in a folder of its own, and none leaves anything`,
  async () => {
    const runs = Array.from({ length: AT_ONCE }, () => drills.begin("drill", drills.good));
    for (const { ended } of runs) {
      const { code, stderr } = await ended;
      expect(code, stderr).toBe(0);
    }
    const endpoints = runs.map((run) => run.report()?.restored.endpoint);
    expect(new Set(endpoints).size).toBe(AT_ONCE);
    for (const endpoint of endpoints) await expectAsBefore(endpoint);
    tell("at once", { passed: AT_ONCE });
  },
  LIMIT_MS * AT_ONCE,
);
