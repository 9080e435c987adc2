/** Plans: shards of equal work, pods that are large enough, and a Job whose ends are the contract of the exit codes. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { openCommands } from "../../support/commands";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { readList, type Entry } from "../../../scripts/fleet/list";
import { jobManifest } from "../../../scripts/fleet/plan/manifest";
import { planOf, type PlanOptions } from "../../../scripts/fleet/plan/plan";
import { memoryFor, workOf } from "../../../scripts/fleet/plan/work";

const FLEET = path.join(__dirname, "..", "..", "..", "examples", "kubernetes", "fleet");
const MIB = 2 ** 20;
const OPTIONS: PlanOptions = { level: "full", cores: 2, within: 3600 };

const sized = (bytes: number, at: number, entry: Partial<Entry> = {}) => ({
  entry: { name: `c${at}`, source: "/x", line: at + 1, ...entry },
  ...{ bytes, isPacked: false },
});

test("shards have work as equal as their largest backup lets them, and each backup is in one", () => {
  const sizes = Array.from({ length: 300 }, (_, at) => (1 + ((at * 7919) % 400)) * MIB);
  const plan = planOf(
    sizes.map((bytes, at) => sized(bytes, at)),
    { ...OPTIONS, shards: 7 },
  );
  const work = plan.shards.map(({ coreSeconds }) => coreSeconds);
  const largest = Math.max(...plan.entries.map(({ coreSeconds }) => coreSeconds));
  expect(Math.max(...work) - Math.min(...work)).toBeLessThanOrEqual(largest);
  expect(plan.shards.reduce((sum, { backups }) => sum + backups, 0)).toBe(300);
  expect(plan.coreHours * 3600).toBeCloseTo(work.reduce((sum, seconds) => sum + seconds, 0));
});

test("as many shards as the time needs, and never more than backups", () => {
  const hundred = Array.from({ length: 100 }, (_, at) => sized(100 * MIB, at));
  const each = workOf(100 * MIB, "full").coreSeconds;
  const within = 120;
  expect(planOf(hundred, { ...OPTIONS, within }).shards).toHaveLength(
    Math.ceil((100 * each) / (2 * within)),
  );
  expect(planOf(hundred, { ...OPTIONS, within: 0.001 }).shards).toHaveLength(100);
});

test("a pod has room for the largest that may meet in it", () => {
  const { pod } = planOf(
    [1, 900, 20, 700].map((mib, at) => sized(mib * MIB, at)),
    OPTIONS,
  );
  const needed = memoryFor(900 * MIB, "full") + memoryFor(700 * MIB, "full");
  expect(pod.memoryBytes).toBeGreaterThan(needed);
  expect(pod.memoryBytes).toBeLessThan(2 * needed);
  expect(pod.diskBytes).toBeGreaterThan(2 * 1600 * MIB);
});

test("memory and disk of a pod are whole MiB, and text, JSON and manifest say the same of them", async () => {
  files.write("a.db", snapshotBytes("kubernetes-1.35-main.db"));
  const list = files.write("fleet.csv", Buffer.from("name,source\na,a.db\n"));
  const commands = openCommands();
  const text = (await commands.run(["plan", list])).stdout;
  const json = (await commands.run(["plan", list, "--json"])).stdout;
  await commands.close();
  const { pod, manifest } = JSON.parse(json) as {
    readonly pod: { readonly memoryBytes: number; readonly diskBytes: number };
    readonly manifest: string;
  };
  for (const [name, key] of Object.entries({
    memoryBytes: "memory",
    diskBytes: "ephemeral-storage",
  } as const)) {
    const mebibytes = pod[name as keyof typeof pod] / MIB;
    expect(mebibytes).toBe(Math.round(mebibytes));
    expect(manifest.match(new RegExp(`${key}: (\\S+)`, "g"))).toEqual(
      Array(2).fill(`${key}: ${mebibytes}Mi`),
    );
    expect(text).toContain(`${mebibytes}Mi of ${name === "memoryBytes" ? "memory" : "disk"}`);
  }
});

test("an entry keeps the shard that it names; one beyond all is refused", () => {
  const entries = [sized(MIB, 0, { shard: 1 }), sized(MIB, 1), sized(MIB, 2)];
  expect(planOf(entries, { ...OPTIONS, shards: 2 }).entries[0]?.shard).toBe(1);
  expect(() => planOf(entries, { ...OPTIONS, shards: 1 })).toThrow(/line 1.*"c0" is of shard 1/);
});

interface Job {
  readonly kind: string;
  readonly spec: {
    readonly completions: number;
    readonly podFailurePolicy: { readonly rules: readonly object[] };
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly args: readonly string[];
          readonly env: readonly { readonly name: string; readonly value: string }[];
        }[];
      };
    };
  };
}

const EXAMPLE = {
  ...{ shards: 8, parallelism: 8, image: "registry.example/etcd-restore:0.1.0" },
  ...{ results: "s3://evidence/etcd", level: "full", seconds: 1800 },
  pod: { cores: 2, memoryBytes: 4 * 2 ** 30, diskBytes: 8 * 2 ** 30 },
} as const;

test("the Job fails an index for 1 and 2, and tries it again for the rest; what is given cannot break out", () => {
  const wild = 'x"\n      hostNetwork: true # {}';
  const documents = parseAllDocuments(jobManifest({ ...EXAMPLE, image: wild, results: wild }));
  expect(documents.flatMap((document) => document.errors)).toEqual([]);
  const [account, policy, job] = documents.map((document) => document.toJS() as Job);
  expect([account?.kind, policy?.kind, job?.kind]).toEqual([
    "ServiceAccount",
    "NetworkPolicy",
    "Job",
  ]);
  expect(job?.spec.podFailurePolicy.rules[0]).toEqual({
    action: "FailIndex",
    onExitCodes: { containerName: "drill", operator: "In", values: [1, 2] },
  });
  const [container] = job?.spec.template.spec.containers ?? [];
  expect(container).toMatchObject({
    image: wild,
    securityContext: { readOnlyRootFilesystem: true },
  });
  expect(container?.args).toContain(wild);
  expect(container?.env).toContainEqual({
    name: "JOB_COMPLETIONS",
    value: String(job?.spec.completions),
  });
  expect(job?.spec.template.spec).not.toHaveProperty("hostNetwork");
});

test("the example is what `plan` writes", () => {
  const file = path.join(FLEET, "job.yaml");
  if (process.env.WRITE_DOCS === "1") fs.writeFileSync(file, jobManifest(EXAMPLE));
  expect(fs.readFileSync(file, "utf8")).toBe(jobManifest(EXAMPLE));
  expect(readList(path.join(FLEET, "fleet.jsonl")).length).toBeGreaterThan(1);
  const patch = parse(fs.readFileSync(path.join(`${FLEET}-kueue`, "job.yaml"), "utf8")) as Job;
  expect(patch).toMatchObject({
    kind: "Job",
    metadata: { name: "etcd-fleet" },
    spec: { suspend: true },
  });
});

let files: ReturnType<typeof createWorkspace>;
beforeEach(() => {
  files = createWorkspace();
});
afterEach(() => {
  files.remove();
});

test("the command: sizes by a look, what is not there is named, and the list that it writes is one", async () => {
  files.write("a.db", snapshotBytes("kubernetes-1.35-main.db"));
  const list = files.write(
    "fleet.csv",
    Buffer.from('name,source,maxAge,budget\na,a.db,26h,"restore=60s,total=2m"\nb,none.db,,\n'),
  );
  const out = files.path("plan");
  const commands = openCommands();
  const { code, stdout } = await commands.run([
    "plan",
    list,
    "--shards",
    "2",
    "--write",
    out,
    "--json",
  ]);
  await commands.close();
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    backups: [
      { name: "a", bytes: fs.statSync(files.path("a.db")).size, packed: false },
      { name: "b", problem: expect.stringContaining("no such file") as string },
    ],
  });
  expect(readList(path.join(out, "fleet.jsonl"))).toMatchObject([
    { name: "a", source: files.path("a.db"), maxAge: 93_600, budget: { restore: 60, total: 120 } },
    { name: "b", source: files.path("none.db") },
  ]);
  const shards = readList(path.join(out, "fleet.jsonl")).map(({ shard }) => shard);
  expect([...shards].sort()).toEqual([0, 1]);
});
