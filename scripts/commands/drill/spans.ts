/**
 * The phases of a drill as spans of one trace, for whoever looks at runs there: one POST of OTLP as JSON over HTTP
 * (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"), when OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says
 * where to. Names, times, counts and verdicts; never a key.
 */
import { randomBytes } from "node:crypto";
import { version } from "../../../package.json";
import type { Report } from "../../../etcd/report/report";
import { messageOfError } from "../../errors";
import { say } from "../../terminal";

const LIMIT_MS = 5_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** Sends a drill's spans, if anybody asks for them; a collector that is not there changes no verdict. */
export async function sendSpans(report: Report, env: Environment = process.env): Promise<void> {
  const url = tracesUrl(env);
  if (url === undefined) return;
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headersOf(env.OTEL_EXPORTER_OTLP_HEADERS) },
      body: JSON.stringify(tracesOf(report, env.OTEL_SERVICE_NAME ?? "etcd-restore")),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    if (!answer.ok) say(`warning: ${url} did not take the spans: HTTP ${answer.status}`);
  } catch (error) {
    say(`warning: the spans could not be sent to ${url}: ${messageOfError(error)}`);
  }
}

/** As the specification of the exporter says: the endpoint of all signals gets a path, that of traces is taken as it is. */
function tracesUrl(env: Environment): string | undefined {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own = "", OTEL_EXPORTER_OTLP_ENDPOINT: all = "" } =
    env;
  if (own !== "") return own;
  return all === "" ? undefined : `${all.replace(/\/+$/, "")}/v1/traces`;
}

/** `key=value,key=value`, the values percent-encoded. */
function headersOf(text = ""): Record<string, string> {
  const pairs = text.split(",").flatMap((pair) => {
    const at = pair.indexOf("=");
    return at < 1
      ? []
      : [[pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())] as const];
  });
  return Object.fromEntries(pairs);
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

const text = (key: string, value: string): Attribute => ({ key, value: { stringValue: value } });
const whole = (key: string, value: number): Attribute => ({
  key,
  value: { intValue: String(value) },
});

/** One span for the drill, and one for each phase, each beginning where the one before ended. */
export function tracesOf(report: Report, service: string): object {
  const traceId = randomBytes(16).toString("hex");
  const rootId = randomBytes(8).toString("hex");
  const begin = Date.parse(report.startedAt);
  const span = (spanId: string, name: string, from: number, seconds: number) => ({
    ...{ traceId, spanId, name, kind: 1 },
    startTimeUnixNano: nanoseconds(from),
    endTimeUnixNano: nanoseconds(from + seconds * 1000),
  });
  let at = begin;
  const phases = report.phases.map(({ name, seconds }) => {
    const made = span(randomBytes(8).toString("hex"), name, at, seconds);
    at += seconds * 1000;
    return { ...made, parentSpanId: rootId };
  });
  const root = {
    ...span(rootId, "drill", begin, report.seconds),
    attributes: [
      text("etcd_restore.verdict", report.verdict),
      text("etcd_restore.level", report.level),
      text("etcd_restore.drill", report.drill?.name ?? ""),
      text("etcd_restore.backup.sha256", report.snapshot.sha256),
      whole("etcd_restore.backup.keys", report.snapshot.keys),
      whole("etcd_restore.backup.bytes", report.snapshot.bytes),
    ],
    // STATUS_CODE_OK is 1, STATUS_CODE_ERROR 2.
    status: report.verdict === "pass" ? { code: 1 } : { code: 2, message: report.verdict },
  };
  return {
    resourceSpans: [
      {
        resource: { attributes: [text("service.name", service), text("service.version", version)] },
        scopeSpans: [{ scope: { name: "etcd-restore", version }, spans: [root, ...phases] }],
      },
    ],
  };
}

/** As a string: JSON's numbers are not exact so far. */
function nanoseconds(milliseconds: number): string {
  return (BigInt(Math.round(milliseconds * 1000)) * 1000n).toString();
}
