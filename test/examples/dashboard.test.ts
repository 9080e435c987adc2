/** The Grafana dashboard of docs/every-night.md: each query of it, asked of a real Prometheus that has what real drills wrote. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { openDrills, type Drills } from "../support/drills";
import { waitUntil } from "../support/lab";
import { freePorts } from "../support/ports";
import { METRICS } from "./metrics";

const FILE = path.join(__dirname, "../../examples/nightly/grafana/dashboard.json");

const Dashboard = z.object({
  panels: z.array(
    z.object({
      id: z.int(),
      title: z.string().min(1),
      type: z.string(),
      gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
      targets: z.array(z.object({ refId: z.string(), expr: z.string() })).min(1),
    }),
  ),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), query: z.unknown() })),
  }),
});
const dashboard = Dashboard.parse(JSON.parse(fs.readFileSync(FILE, "utf8")));
const queries = dashboard.panels.flatMap(({ title, targets }) =>
  targets.map(({ expr }) => [title, expr] as const),
);

describe("the dashboard", () => {
  test("asks for metrics that a drill writes, and for all that are not a moment's", () => {
    const asked = new Set(queries.flatMap(([, expr]) => expr.match(/etcd_restore_[a-z_]+/g) ?? []));
    for (const name of asked) expect(METRICS).toContain(name);
    expect(METRICS.filter((name) => name !== undefined && !asked.has(name))).toEqual([
      "etcd_restore_snapshot_taken_timestamp_seconds",
      "etcd_restore_snapshot_revision",
    ]);
  });

  test("has each panel in a place of its own", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThan(25);
  });
});

const isThere = spawnSync("prometheus", ["--version"]).status === 0;

describe.skipIf(!isThere)("its queries (Debian's package prometheus)", () => {
  let drills: Drills;
  let metrics: Server;
  let prometheus: ChildProcess;
  let url: string;

  beforeAll(async () => {
    drills = openDrills();
    const history = ["--history", drills.path("drills.jsonl"), "--level", "quick"];
    const passed = drills.begin("drill", drills.good, ...history);
    expect((await passed.ended).code).toBe(0);
    const failed = drills.begin("drill", drills.damagedAt(0), ...history);
    expect((await failed.ended).code).toBe(2);
    // What node_exporter's textfile collector does: it gives the file as it lies there.
    metrics = createServer((request, response) => {
      const { reports } = request.url === "/passed" ? passed : failed;
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      response.end(fs.readFileSync(path.join(reports, "report.prom")));
    }).listen(0, "127.0.0.1");
    await once(metrics, "listening");
    ({ prometheus, url } = await startPrometheus(drills, (metrics.address() as AddressInfo).port));
    await waitUntil(
      async () => (await ask("etcd_restore_verification_success")).length === 2,
      "Prometheus has what both drills wrote",
    );
    // A rate or an average wants more than one sample.
    await sleep(2_500);
  }, 240_000);

  afterAll(async () => {
    if (isRunning(prometheus)) {
      prometheus.kill("SIGTERM");
      await once(prometheus, "exit");
    }
    metrics.close();
    drills.close();
  });

  async function ask(expr: string) {
    const answer = await fetch(
      `${url}/api/v1/query?${new URLSearchParams({ query: expr }).toString()}`,
    );
    const { data, error } = Answer.parse(await answer.json());
    if (data === undefined) throw new Error(`${expr}: ${error ?? ""}`);
    return data.result;
  }

  const shown = (expr: string) =>
    expr.replaceAll("$instance", ".*").replaceAll("$__range", "1h").replaceAll("$__interval", "1m");

  test.each(queries)("%s: each drill is in it", async (_, expr) => {
    const found = await ask(shown(expr));
    const instances = new Set(found.map(({ metric }) => metric.instance));
    // A damaged backup has no keys that could be counted.
    const ofRead = /snapshot_(keys|bytes)/.test(expr);
    expect([...instances].sort()).toEqual(ofRead ? ["passed"] : ["failed", "passed"]);
    for (const { value } of found) expect(Number(value[1])).not.toBeNaN();
  });

  test("tells the drill that passed from the one that did not", async () => {
    const [, expr = ""] = queries.find(([title]) => title === "Last drill") ?? [];
    const found = await ask(shown(expr));
    const values = new Map(found.map(({ metric, value }) => [metric.instance, value[1]]));
    expect(values).toEqual(
      new Map([
        ["passed", "1"],
        ["failed", "0"],
      ]),
    );
  });

  test("its variable lists the instances", async () => {
    const { query } = dashboard.templating.list.find(({ name }) => name === "instance") ?? {};
    const [, metric = "", label = ""] =
      /^label_values\((\w+), (\w+)\)$/.exec((query as { query: string }).query) ?? [];
    const words = new URLSearchParams({ "match[]": metric });
    const answer = await fetch(`${url}/api/v1/label/${label}/values?${words.toString()}`);
    expect(await answer.json()).toMatchObject({ data: ["failed", "passed"] });
  });
});

const Answer = z.object({
  error: z.string().optional(),
  data: z
    .object({
      result: z.array(
        z.object({
          metric: z.record(z.string(), z.string()),
          value: z.tuple([z.number(), z.string()]),
        }),
      ),
    })
    .optional(),
});

function isRunning(child: ChildProcess | undefined): child is ChildProcess {
  return child?.exitCode === null && child.signalCode === null;
}

/** On loopback, with all that is its own in the drills' folder. */
async function startPrometheus(drills: Drills, metricsPort: number) {
  const [port = 0] = await freePorts(1);
  const job = (name: string) => ({
    job_name: name,
    metrics_path: `/${name}`,
    static_configs: [{ targets: [`127.0.0.1:${metricsPort}`], labels: { instance: name } }],
  });
  const config = {
    global: { scrape_interval: "1s" },
    scrape_configs: [job("passed"), job("failed")],
  };
  const file = drills.path("prometheus.yml");
  // JSON is YAML.
  fs.writeFileSync(file, JSON.stringify(config));
  const prometheus = spawn(
    "prometheus",
    [
      ...[`--config.file=${file}`, `--storage.tsdb.path=${drills.path("tsdb")}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, "--log.level=error"],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  prometheus.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const url = `http://127.0.0.1:${port}`;
  await waitUntil(async () => {
    if (!isRunning(prometheus)) throw new Error(`prometheus did not start: ${said}`);
    return await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }, "Prometheus is ready");
  return { prometheus, url };
}
