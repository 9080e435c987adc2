/** A drill's phases as spans: taken by a real collector, and understood as they are meant. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { COLLECTOR, startCollector, type Collector } from "../support/collector";
import { openDrills, type Drills } from "../support/drills";
import { waitUntil } from "../support/lab";

const Span = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z.string().default(""),
  name: z.string(),
  startTimeUnixNano: z.string().transform(BigInt),
  endTimeUnixNano: z.string().transform(BigInt),
  attributes: z
    .array(z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) }))
    .default([]),
  status: z.object({ code: z.int().optional(), message: z.string().optional() }).default({}),
});
const Request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(z.object({ key: z.string() })) }),
      scopeSpans: z.array(
        z.object({ scope: z.object({ name: z.string() }), spans: z.array(Span) }),
      ),
    }),
  ),
});

describe.skipIf(!fs.existsSync(COLLECTOR))(
  "a collector of OpenTelemetry (test/support/collector, built among the tools)",
  () => {
    let drills: Drills;
    let collector: Collector;
    beforeAll(async () => {
      drills = openDrills();
      collector = await startCollector(drills.path(""));
      process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.endpoint;
    }, 120_000);
    afterAll(async () => {
      delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
      await collector.stop();
      drills.close();
    });

    async function spansOf(...args: readonly string[]) {
      const before = collector.received.length;
      const run = drills.begin("drill", ...args);
      const { stderr, code } = await run.ended;
      expect(stderr).not.toContain("warning: ");
      await waitUntil(() => collector.received.length > before, "the spans have arrived");
      const [request] = Request.parse(collector.received.at(-1)).resourceSpans;
      const spans = request?.scopeSpans.flatMap((scope) => scope.spans) ?? [];
      return { code, report: run.report(), spans };
    }

    test("has the whole drill as a trace: each phase below it, one behind the other, with its time", async () => {
      const { code, report, spans } = await spansOf(drills.good, "--level", "quick");
      expect(code).toBe(0);
      if (report === undefined) throw new Error("there is no report");
      const [root, ...phases] = spans;
      expect(root).toMatchObject({ name: "drill", parentSpanId: "", status: { code: 1 } });
      expect(phases.map(({ name }) => name)).toEqual(report.phases.map(({ name }) => name));
      expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
      expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
      let at = BigInt(Date.parse(report.startedAt)) * 1_000_000n;
      expect(root?.startTimeUnixNano).toBe(at);
      for (const [i, span] of phases.entries()) {
        expect(span.parentSpanId).toBe(root?.spanId);
        expect(near(span.startTimeUnixNano, at)).toBe(true);
        const nanoseconds = Math.round((report.phases[i]?.seconds ?? 0) * 1e9);
        expect(near(span.endTimeUnixNano, at + BigInt(nanoseconds))).toBe(true);
        at = span.endTimeUnixNano;
      }
      expect(root?.endTimeUnixNano).toBeGreaterThanOrEqual(at);
      const told = new Map(root?.attributes.map(({ key, value }) => [key, value]));
      expect(told.get("etcd_restore.verdict")).toEqual({ stringValue: "pass" });
      expect(told.get("etcd_restore.backup.keys")).toEqual({ intValue: "337" });
    }, 240_000);

    test("has one that failed with its status", async () => {
      const { code, spans } = await spansOf(drills.damagedAt(0));
      expect(code).toBe(2);
      expect(spans[0]).toMatchObject({ name: "drill", status: { code: 2, message: "fail" } });
    }, 120_000);
  },
);

/** Seconds are numbers with a fraction: to the microsecond. */
function near(a: bigint, b: bigint): boolean {
  return a - b <= 2_000n && b - a <= 2_000n;
}
