/** A real collector of OpenTelemetry for tests: takes OTLP over HTTP, and hands on what it understood of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { toolsDirOf } from "../../machine/programs/find";
import { platform } from "../../machine/programs/version";
import { freePorts } from "./ports";

/** Of its modules, pinned in collector/go.mod. */
const VERSION = "0.165.0";

/**
 * Where it is looked for. `go build -o` that file in test/support/collector makes it, in some minutes: it is not made by a
 * test.
 */
export const COLLECTOR = path.join(
  toolsDirOf({}),
  `otel-collector-${VERSION}-${platform()}`,
  "collector",
);

export interface Collector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  /** What it handed on so far, each a request of OTLP as JSON. */
  readonly received: readonly unknown[];
  stop(): Promise<void>;
}

/** @param folder for its configuration */
export async function startCollector(folder: string): Promise<Collector> {
  const received: unknown[] = [];
  const next = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      received.push(JSON.parse(Buffer.concat(parts).toString()));
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(next, "listening");
  const [port = 0] = await freePorts(1);
  const file = path.join(folder, "collector.json");
  const onward = `http://127.0.0.1:${(next.address() as AddressInfo).port}`;
  // JSON is YAML.
  fs.writeFileSync(file, JSON.stringify(configOf(port, onward)));
  const child = spawn(COLLECTOR, ["--config", `file:${file}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const endpoint = `http://127.0.0.1:${port}`;
  for (let tries = 0; !(await answers(endpoint)); tries++) {
    if (child.exitCode !== null || tries > 600)
      throw new Error(`the collector did not start: ${said}`);
    await delay(100);
  }
  return {
    endpoint,
    received,
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      next.closeAllConnections();
      next.close();
    },
  };
}

function configOf(port: number, onward: string) {
  const traces = { receivers: ["otlp"], exporters: ["otlphttp"] };
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { otlphttp: { endpoint: onward, encoding: "json", compression: "none" } },
    service: { telemetry: { metrics: { level: "none" } }, pipelines: { traces } },
  };
}

async function answers(endpoint: string): Promise<boolean> {
  return await fetch(endpoint).then(
    () => true,
    () => false,
  );
}
