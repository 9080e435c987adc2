/** The container image in real containers: nobody in particular, a root that is only read, no network. */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { version } from "../../../package.json";
import {
  buildImage,
  containerObstacles,
  startContainer,
  type BuiltImage,
  type ContainerOptions,
} from "../../support/container";
import { startEtcdServer } from "../../support/etcd-server";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const obstacles = containerObstacles();
if (obstacles.length > 0) console.log(`left out: ${obstacles.join(", ")}`);

/** One of them calls its version `v3.15.2`. */
const nameOf = ({ name, version: of }: { readonly name: unknown; readonly version: unknown }) =>
  `${String(name)}@${String(of).replace(/^v/, "")}`;

const MOST_BYTES = 200e6;

describe.skipIf(obstacles.length > 0)("the image", () => {
  let image: BuiltImage;
  beforeAll(async () => {
    image = await buildImage();
  });
  afterAll(() => {
    image.remove();
  });

  let files: ReturnType<typeof createWorkspace>;
  let work: string;
  beforeEach(() => {
    files = createWorkspace();
    fs.chmodSync(files.path("."), 0o755);
    work = files.path("work");
    for (const folder of [work, files.path("in")]) fs.mkdirSync(folder);
    const good = files.write("in/good.db", snapshotBytes("kubernetes-1.35-main.db"));
    fs.chmodSync(good, 0o644);
  });
  afterEach(() => {
    files.remove();
  });

  const start = (args: readonly string[], options: Partial<ContainerOptions> = {}) =>
    startContainer(image, args, { work, input: files.path("in"), ...options });

  test("it is small, says what it is, and runs as nobody in particular with one place to write to", () => {
    expect(fs.statSync(image.archive).size).toBeLessThan(MOST_BYTES);
    const { config } = image.config;
    expect(config.User).toBe("10001:10001");
    expect(config.Volumes).toEqual({ "/work": {} });
    expect(config).not.toHaveProperty("Healthcheck");
    expect(config.Labels).toMatchObject({
      "org.opencontainers.image.title": "etcd-restore",
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.licenses": "Apache-2.0",
      "org.opencontainers.image.revision": expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      "org.opencontainers.image.created": expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    });
    const programs = fs.readdirSync(path.join(image.rootfs, "opt/etcd"));
    expect(programs.map((name) => name.split(".").slice(0, 2).join("."))).toEqual([
      ...["etcd-3.5", "etcd-3.6", "etcd-3.7"],
    ]);
  });

  test("beside it lies an SBOM of exactly the packages that are in it, and none of them is one of development", () => {
    const { components } = JSON.parse(fs.readFileSync(image.sbom, "utf8")) as {
      readonly components: readonly { readonly name: string; readonly version: string }[];
    };
    const modules = path.join(image.rootfs, "opt/etcd-restore/node_modules");
    const installed = fs
      .readdirSync(modules, { recursive: true, encoding: "utf8" })
      .filter((file) => /(^|\/node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(file))
      .map((file) => JSON.parse(fs.readFileSync(path.join(modules, file), "utf8")) as object)
      .flatMap((one) => ("name" in one && "version" in one ? [nameOf(one)] : []));
    const listed = components.map((one) => nameOf(one));
    expect(new Set(listed)).toEqual(new Set(installed));
    expect(listed.some((name) => name.startsWith("vitest@"))).toBe(false);
  });

  test("a drill in it proves a backup, on a root that is only read and without a network; only reports are left", async () => {
    const { code, stdout, stderr } = await start(["drill", "/in/good.db", "--json"]).ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: "pass", restored: { keys: 337 } });
    expect(fs.readdirSync(work)).toEqual(["reports"]);
    const script = "touch /x; touch /opt/etcd/x; id -u; tail -n +3 /proc/net/dev | cut -d: -f1";
    const looked = await start(["-c", script], { entrypoint: ["/bin/bash"] }).ended;
    expect(looked.stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(looked.stdout.split(/\s+/).filter(Boolean)).toEqual(["10001", "lo"]);
  });

  test.each(["3.5", "3.7"])(
    "a backup of etcd %s is proved by the etcd of that version in it",
    async (minor) => {
      const server = await startEtcdServer({ version: minor });
      const backup = files.path("in/other.db");
      try {
        await server.etcdctl("put", "a", "1");
        await server.saveSnapshot(backup);
      } finally {
        await server.stop();
      }
      fs.chmodSync(backup, 0o644);
      const asked = ["-c", `etcdVersion=${minor}`];
      const { code, stdout, stderr } = await start(["drill", "/in/other.db", "--json", ...asked])
        .ended;
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        verdict: "pass",
        restored: { keys: 1, etcdVersion: expect.stringContaining(`${minor}.`) as string },
      });
    },
  );

  test("any other user will do, as where a cluster draws one", async () => {
    const { code, stdout, stderr } = await start(["drill", "/in/good.db", "--json"], {
      user: 1_000_660_000,
    }).ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: "pass" });
  });

  test("many drills leave no process behind in it, dead or alive, and SIGTERM ends it cleanly", async () => {
    const line = (at: number): string =>
      `${JSON.stringify({ name: `c${at}`, source: "good.db", level: "quick" })}\n`;
    const list = files.write(
      "in/fleet.jsonl",
      Buffer.from(Array.from({ length: 40 }, (_, at) => line(at)).join("")),
    );
    fs.chmodSync(list, 0o644);
    const container = start(["drill", "--from", "/in/fleet.jsonl", "--jobs", "1"]);
    const results = path.join(work, "results");
    const countResults = (): number =>
      fs.existsSync(results) ? fs.readdirSync(results).length : 0;
    while (countResults() < 4 && container.child.exitCode === null) await sleep(50);
    const zombies = fs
      .readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
          return /^State:\s+Z/m.test(status) && /^Uid:\s+10001\s/m.test(status) ? [pid] : [];
        } catch {
          return [];
        }
      });
    // One may just have ended; four drills would leave a dozen.
    expect(zombies.length).toBeLessThan(3);
    await container.kill("SIGTERM");
    const { code, stderr } = await container.ended;
    expect(code, stderr).toBe(143);
    expect(countResults()).toBeGreaterThanOrEqual(4);
    expect(fs.readdirSync(work).filter((name) => name.startsWith("drill-"))).toEqual([]);
  });
});
