/** Proves the metrics with a strict reader of the exposition format, written here; node_exporter itself is not run. */
import { describe, expect, it } from "vitest";
import { prometheusReport } from "../../../etcd/report/prometheus";
import { readReport, REPORTS } from "./reports";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Reads the text format 0.0.4, and refuses what node_exporter's textfile collector refuses as well: a sample without HELP and
 * TYPE before it, metrics that are not in one block, a sample that comes twice, a time of its own.
 */
function strictlyRead(text: string): Sample[] {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const samples: Sample[] = [];
  const seen = new Set<string>();
  const blocks = new Set<string>();
  let help: string | undefined;
  let type: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const helpLine = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)+)$/.exec(line);
    const typeLine = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (gauge|counter|untyped)$/.exec(line);
    const sampleLine =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\["\\n])*",?)*)\})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/.exec(
        line,
      );
    if (helpLine?.[1] !== undefined) {
      help = helpLine[1];
      if (blocks.has(help)) throw new Error(`a second block of ${help}`);
      blocks.add(help);
    } else if (typeLine?.[1] !== undefined) {
      type = typeLine[1];
      if (type !== help) throw new Error(`TYPE of ${type} without its HELP`);
    } else if (sampleLine) {
      const [, name = "", labelText = "", value = ""] = sampleLine;
      if (name !== type) throw new Error(`${name} outside its block`);
      const pairs = [...labelText.matchAll(/([^=,]+)="((?:[^"\\]|\\.)*)"/g)];
      const labels = Object.fromEntries(pairs.map(([, label = "", text = ""]) => [label, text]));
      if (Object.keys(labels).length !== pairs.length) throw new Error(`a label twice in ${line}`);
      const identity = name + JSON.stringify(Object.entries(labels).sort());
      if (seen.has(identity)) throw new Error(`${line} comes twice`);
      seen.add(identity);
      samples.push({ name, labels, value: Number(value) });
    } else throw new Error(`cannot read ${line}`);
  }
  return samples;
}

function valueOf(samples: readonly Sample[], name: string, labels: Sample["labels"] = {}): number {
  const found = samples.find(
    (sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels),
  );
  if (found === undefined) throw new Error(`no ${name} ${JSON.stringify(labels)}`);
  return found.value;
}

describe("the metrics of a report", () => {
  it.each(REPORTS)("of %s are read by a strict reader and follow the rules for names", (name) => {
    const samples = strictlyRead(prometheusReport(readReport(name)));
    for (const sample of samples) {
      expect(sample.name).toMatch(/^etcd_restore_[a-z]+(_[a-z]+)*$/);
      expect(sample.name).not.toMatch(/_(total|count|sum|bucket|info)$/); // gauges, all of them
      expect(sample.value).not.toBeNaN();
    }
  });

  it.each(REPORTS)(
    "of %s have no label from the store, nor more series than checks ask for",
    (name) => {
      const report = readReport(name);
      const samples = strictlyRead(prometheusReport(report));
      for (const { labels } of samples) {
        expect(Object.keys(labels).every((label) => /^(check|verdict|phase)$/.test(label))).toBe(
          true,
        );
        expect(Object.values(labels).join("")).toMatch(/^[a-z0-9-]*$/);
      }
      expect(samples.length).toBeLessThanOrEqual(
        10 + report.phases.length + 4 * report.checks.length,
      );
    },
  );

  it("tells success, times and the facts of the backup", () => {
    const samples = strictlyRead(prometheusReport(readReport("pass")));
    expect(valueOf(samples, "etcd_restore_verification_success")).toBe(1);
    expect(valueOf(samples, "etcd_restore_last_run_timestamp_seconds")).toBeCloseTo(
      Date.parse("2026-08-23T04:12:17.192Z") / 1000,
      3,
    );
    expect(valueOf(samples, "etcd_restore_snapshot_taken_timestamp_seconds")).toBe(
      Date.parse("2026-08-23T03:00:04Z") / 1000,
    );
    expect(valueOf(samples, "etcd_restore_duration_seconds")).toBe(9.874);
    expect(valueOf(samples, "etcd_restore_phase_duration_seconds", { phase: "restore" })).toBe(
      1.046,
    );
    expect(valueOf(samples, "etcd_restore_snapshot_keys")).toBe(337);
    expect(valueOf(samples, "etcd_restore_snapshot_bytes")).toBe(1486880);
    expect(valueOf(samples, "etcd_restore_snapshot_revision")).toBe(482);
    expect(valueOf(samples, "etcd_restore_differences")).toBe(0);
  });

  it.each(["fail", "incomplete", "nasty"] as const)("tell no success for %s", (name) => {
    const samples = strictlyRead(prometheusReport(readReport(name)));
    expect(valueOf(samples, "etcd_restore_verification_success")).toBe(0);
  });

  it("say nothing of the backup's age without a manifest", () => {
    expect(prometheusReport(readReport("explained"))).not.toContain("snapshot_taken");
  });

  it("give each check all four verdicts, and 1 to the one that it has", () => {
    const samples = strictlyRead(prometheusReport(readReport("explained")));
    const of = (check: string) =>
      ["pass", "explained", "not-checked", "fail"].map((verdict) =>
        valueOf(samples, "etcd_restore_check_status", { check, verdict }),
      );
    expect(of("hashkv")).toEqual([1, 0, 0, 0]);
    expect(of("leases")).toEqual([0, 1, 0, 0]);
  });

  it("add up a phase that comes twice and take the worst of a check that comes twice", () => {
    const samples = strictlyRead(prometheusReport(readReport("nasty")));
    expect(valueOf(samples, "etcd_restore_phase_duration_seconds", { phase: "restore" })).toBe(
      90000.25,
    );
    const worst = { check: "same-id", verdict: "fail" };
    expect(valueOf(samples, "etcd_restore_check_status", worst)).toBe(1);
  });

  it("do not let a key into a label, whatever a check is called", () => {
    const report = readReport("pass");
    const checks = ["/registry/secrets/a", 'x"} 1\nfake 2', "y".repeat(65)].map(
      (id) => ({ id, title: id, verdict: "fail" }) as const,
    );
    const samples = strictlyRead(prometheusReport({ ...report, checks }));
    const names = samples.flatMap(({ labels }) => labels.check ?? []);
    expect(new Set(names)).toEqual(new Set(["other"]));
  });
});
