/**
 * A night's Job on a real Kubernetes: 40 backups in 8 indices, planned by `plan`, in the container image; five faults of five kinds, and
 * pods that are killed meanwhile. What is found must be exactly what was planted, and nothing is done twice or lost.
 */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseAllDocuments } from "yaml";
import { version } from "../../../package.json";
import { toolsDirOf } from "../../../machine/programs/find";
import { buildImage, containerObstacles, type BuiltImage } from "../../support/container";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { kubectl } from "./cluster";
import { importImage, startNodeStore, type NodeStore } from "./store";

const MINUTE = 60_000;
vi.setConfig({ testTimeout: 60 * MINUTE, hookTimeout: 40 * MINUTE });

const obstacles = containerObstacles();
if (obstacles.length > 0) console.log(`left out: ${obstacles.join(", ")}`);

const NAMESPACE = "fleet";
const BACKUPS = 40;
const INDICES = 8;
const KILLS = 6;
/** The Job tries an index again three times; one of them goes to the store that does not answer. */
const MOST_KILLS_OF_AN_INDEX = 2;
const FLAKY_INDEX = 4;
const OF_ANOTHER = "00000000-0000-4000-8000-000000000000";

/** Entries that are not as they should be, by index: nobody else has a fault in the same one. */
const FAULTS = {
  damaged: 0,
  "too-old": 1,
  "of-another": 2,
  "not-there": 3,
  "comes-late": FLAKY_INDEX,
} as const;

interface PodList {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly deletionTimestamp?: string;
    };
    readonly status: {
      readonly phase: string;
      readonly containerStatuses?: readonly {
        readonly state: { readonly terminated?: { readonly exitCode: number } };
      }[];
    };
  }[];
}

interface JobStatus {
  readonly status: {
    readonly completedIndexes?: string;
    readonly failedIndexes?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface RunningPod {
  readonly name: string;
  readonly index: number;
}

const inFleet = (...args: readonly string[]): Promise<string> => kubectl("-n", NAMESPACE, ...args);

describe.skipIf(obstacles.length > 0)("a fleet's Job", () => {
  let files: ReturnType<typeof createWorkspace>;
  let image: BuiltImage;
  let store: NodeStore;
  beforeAll(async () => {
    files = createWorkspace();
    image = await buildImage();
    const programs = fs
      .readdirSync(toolsDirOf({}))
      .find((name) => name.startsWith("containers-debian"));
    await importImage(image.archive, path.join(toolsDirOf({}), programs ?? ""));
    store = await startNodeStore(files.path("."), "/backups/comes-late.db");
    await kubectl("create", "namespace", NAMESPACE);
  });
  afterAll(async () => {
    await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found");
    await store.stop();
    image.remove();
    files.remove();
  });

  /** Every fifth is restored, the others are read whole. */
  function layOut(): string {
    const good = snapshotBytes("kubernetes-1.35-main.db");
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(70_000) ^ 1, 70_000);
    const planted = Object.fromEntries(Object.entries(FAULTS).map(([name, at]) => [at, name]));
    const now = new Date();
    const lines = Array.from({ length: BACKUPS }, (_, at) => {
      const name = planted[at] ?? `cluster-${at}`;
      const twoDaysAgo = new Date(now.getTime() - 2 * 86_400_000);
      const takenAt = name === "too-old" ? twoDaysAgo : now;
      if (name !== "not-there")
        store.put("backups", `${name}.db`, name === "damaged" ? bad : good, takenAt);
      return {
        ...{ name, source: `s3://backups/${name}.db`, shard: at % INDICES, maxAge: "26h" },
        ...{ level: at % 5 === 0 ? "quick" : "file" },
        ...(name === "of-another" ? { expectedCluster: OF_ANOTHER } : {}),
      };
    });
    fs.mkdirSync(files.path("buckets/evidence"));
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    return files.write("fleet.jsonl", Buffer.from(text));
  }

  /** What `plan` writes; only, pods meet on this small node although they ask for a core each. */
  async function planned(list: string): Promise<string> {
    const out = files.path("plan");
    const { code, stdout, stderr } = await store.run(
      ...["plan", list, "--write", out, "--shards", String(INDICES), "--cores", "1"],
      ...["--image", `localhost/etcd-restore:${version}`, "--results", "s3://evidence/etcd"],
    );
    // The two that cannot be had are named before anything is begun.
    expect(code, stderr).toBe(1);
    expect(stdout).toMatch(/not found: not-there: /);
    expect(stdout).toMatch(/not found: comes-late: .*503/);
    const manifest = path.join(out, "job.yaml");
    const documents = parseAllDocuments(fs.readFileSync(manifest, "utf8"));
    const container = ["spec", "template", "spec", "containers", 0];
    for (const document of documents) {
      if (document.get("kind") !== "Job") continue;
      document.setIn(["spec", "parallelism"], 3);
      document.setIn([...container, "resources", "requests", "cpu"], "100m");
      document.deleteIn([...container, "resources", "limits", "cpu"]);
    }
    fs.writeFileSync(manifest, documents.map(String).join("---\n"));
    return out;
  }

  interface Seen {
    /** Exit codes of pods that ended by themselves, by index. */
    readonly exitCodes: ReadonlyMap<number, ReadonlySet<number>>;
    readonly pods: number;
    readonly kills: number;
    readonly job: JobStatus["status"];
  }

  /** Follows the Job to its end, and kills pods of it meanwhile: by the API, and as memory that runs out does. */
  async function followed(): Promise<Seen> {
    const exitCodes = new Map<number, Set<number>>();
    const pods = new Set<string>();
    const killed = new Map<number, number>();
    let kills = 0;
    let isMended = false;
    for (;;) {
      const { items } = JSON.parse(await inFleet("get", "pods", "-o", "json")) as PodList;
      const running: RunningPod[] = [];
      for (const { metadata, status } of items) {
        pods.add(metadata.name);
        const index = Number(metadata.labels["batch.kubernetes.io/job-completion-index"]);
        const code = status.containerStatuses?.[0]?.state.terminated?.exitCode;
        if (code !== undefined) {
          exitCodes.set(index, (exitCodes.get(index) ?? new Set()).add(code));
        } else if (status.phase === "Running" && metadata.deletionTimestamp === undefined) {
          running.push({ name: metadata.name, index });
        }
      }
      if (!isMended && exitCodes.get(FLAKY_INDEX)?.has(3) === true) {
        store.mend();
        isMended = true;
      }
      const { status: job } = JSON.parse(
        await inFleet("get", "job", "etcd-fleet", "-o", "json"),
      ) as JobStatus;
      const isOver = job.conditions?.some(
        ({ type, status }) => status === "True" && (type === "Failed" || type === "Complete"),
      );
      if (isOver === true) return { exitCodes, pods: pods.size, kills, job };
      const victims = running.filter(
        ({ index }) => (killed.get(index) ?? 0) < MOST_KILLS_OF_AN_INDEX,
      );
      if (kills < KILLS && victims.length > 0 && randomInt(3) === 0) {
        const victim = victims[randomInt(victims.length)];
        if (victim !== undefined && (await kill(victim, kills % 2 === 0))) {
          kills += 1;
          killed.set(victim.index, (killed.get(victim.index) ?? 0) + 1);
        }
      }
      await sleep(1000);
    }
  }

  /** @returns whether it was there to be killed */
  async function kill({ name, index }: RunningPod, byApi: boolean): Promise<boolean> {
    if (byApi) {
      await inFleet("delete", "pod", name, "--wait=false");
      return true;
    }
    for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        if (command[1] !== "/opt/etcd-restore/scripts/etcd-restore.cjs") continue;
        const env = fs.readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        if (!env.includes(`JOB_COMPLETION_INDEX=${index}`)) continue;
        process.kill(Number(pid), "SIGKILL");
        return true;
      } catch {
        // It has ended since.
      }
    }
    return false;
  }

  test("40 backups in 8 indices: exactly the planted faults are found, whatever is killed; nothing is done twice, nothing is lost", async () => {
    const out = await planned(layOut());
    const literals = Object.entries(store.environment).map(
      ([name, value]) => `--from-literal=${name}=${value}`,
    );
    await inFleet("create", "configmap", "etcd-fleet", `--from-file=${out}/fleet.jsonl`);
    await inFleet("create", "secret", "generic", "etcd-fleet-store", ...literals);
    const began = Date.now();
    await inFleet("apply", "-f", path.join(out, "job.yaml"));
    const { exitCodes, pods, kills, job } = await followed();
    const seconds = (Date.now() - began) / 1000;
    expect(kills).toBeGreaterThan(0);
    console.log(`${seconds.toFixed(0)} s, ${pods} pods for ${INDICES} indices, ${kills} killed`);

    // 1 and 2 are final, 3 is tried again: the policy of the Job.
    expect([job.failedIndexes, job.completedIndexes]).toEqual(["0-3", "4-7"]);
    expect([...(exitCodes.get(FLAKY_INDEX) ?? [])]).toEqual(expect.arrayContaining([3, 0]));

    const merged = await store.run(
      ...["merge", "s3://evidence/etcd", "--list", path.join(out, "fleet.jsonl"), "--json"],
    );
    expect(merged.code, merged.stderr).toBe(1);
    const report = JSON.parse(merged.stdout) as {
      readonly verdict: string;
      readonly backups: number;
      readonly counts: Readonly<Record<string, number>>;
      readonly rows: readonly {
        readonly name: string;
        readonly verdict: string;
        readonly failed: readonly string[];
        readonly reason?: string;
      }[];
    };
    const bad = report.rows.filter(({ verdict }) => verdict !== "pass" && verdict !== "restorable");
    expect(bad.map(({ name }) => name).sort()).toEqual([
      ...["damaged", "not-there", "of-another", "too-old"],
    ]);
    expect(report).toMatchObject({
      ...{ verdict: "fail", backups: BACKUPS },
      counts: { pass: 7, restorable: 29, fail: 4, incomplete: 0, missing: 0 },
    });
    expect(bad.find(({ name }) => name === "too-old")?.failed).toEqual(["age"]);
    expect(bad.find(({ name }) => name === "of-another")?.reason).toContain(OF_ANOTHER);

    // A result is written once, whoever was killed. What could not be read has no content by which a second look knows it.
    const results = store.written().filter((name) => name.startsWith("/evidence/"));
    const ofFound = results.filter((name) => !name.includes(".unread"));
    expect(ofFound.filter((name, at) => ofFound.indexOf(name) !== at)).toEqual([]);
    // That of a store that did not answer is its own; the one of the second try is by the backup.
    expect(new Set(results.map((name) => name.split(".")[0])).size).toBe(BACKUPS);
    const late = results.filter((name) => name.startsWith("/evidence/etcd/comes-late."));
    expect(new Set(late).size).toBe(2);
    const left = execFileSync("find", [files.path("buckets/evidence"), "-name", "*.json"]);
    expect(left.toString().trim().split("\n")).toHaveLength(new Set(results).size);
  });
});
