/**
 * The package in somebody else's project: what it exports compiles there, runs there in every way that Pulumi programs are
 * run, and keeps nothing where it is installed.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedEngine } from "../../engine/embedded/embedded-engine";
import type { Report } from "../../etcd/report/report";
import { toolsDirOf } from "../../machine/programs/find";
import { freePorts } from "../support/ports";
import { runProgram } from "../support/run-program";
import { timeLimit } from "../support/time-limit.cjs";
import { temporaryDirectory } from "../support/temporary";
import { makeForeignProject, type ForeignProject } from "./foreign-project";

const LIMIT = timeLimit(120_000);
const SHA256 = "8f94ef683fd5b2596bafa005e5cbc74dd2f2bf11b2b55519f98f920522b6e008";
/** What the parts make on this computer, in any order. */
const PARTS = [
  ...["etcd-restore:index:Pki", "etcd-restore:index:LocalEtcd"],
  ...["etcd-restore:index:SnapshotRestore", "etcd-restore:index:Verification"],
];

let project: ForeignProject;
let before: readonly string[];

beforeAll(async () => {
  project = await makeForeignProject();
  before = listing(project.installed);
}, timeLimit(240_000));

afterAll(() => {
  project.remove();
});

/** Every file with its size and time: whatever is written there shows. */
function listing(folder: string): readonly string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => {
      const { size, mtimeMs } = fs.lstatSync(path.join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    })
    .sort();
}

describe("programs of somebody else", () => {
  it(
    "compile as strictly as TypeScript does",
    async () => {
      const tsc = path.join(project.folder, "node_modules", "typescript", "bin", "tsc");
      // All in one run, and types are not `any`: what does not fit is an error, and the only one.
      fs.writeFileSync(
        path.join(project.folder, "wrong.ts"),
        'import { Pki } from "etcd-restore";\nnew Pki("pki", { addresses: 1, clientDirectory: "x" });\n',
      );
      const failed = await project
        .run(process.execPath, [tsc, "-p", "."])
        .catch((error: unknown) => error);
      const said = String((failed as { readonly stdout?: string }).stdout);
      expect(said.match(/error TS\d+/g)).toEqual(["error TS2322"]);
      expect(said).toMatch(/^wrong\.ts\(2,\d+\): error TS2322/);
    },
    LIMIT,
  );

  it.each([
    ["tsx", ["--import", "tsx", "mocks.ts"]],
    ["node alone, compiled", ["compiled/mocks.js"]],
  ])(
    "run under Pulumi's mocks by %s",
    async (_, args) => {
      const ports = await freePorts(2);
      const { stdout } = await project.run(process.execPath, [...args, ...ports.map(String)]);
      const registered = JSON.parse(stdout) as readonly { readonly type: string }[];
      const types = registered.map(({ type }) => type);
      expect(types.filter((type) => type.startsWith("etcd-restore:")).sort()).toEqual(
        [...PARTS].sort(),
      );
      expect(stdout).toContain("node node_modules/etcd-restore/dist/scripts/steps/make-pki.js");
    },
    LIMIT,
  );

  it(
    "make a VM's resources on OpenStack",
    async () => {
      const { stdout } = await project.run(process.execPath, ["compiled/mocks.js", "openstack"]);
      for (const type of [
        "openstack:compute/instance:Instance",
        "etcd-restore:index:EtcdVm",
        "etcd-restore:index:Network",
      ]) {
        expect(stdout).toContain(`"${type}"`);
      }
      // cloud-init's scripts, read where they are installed.
      expect(stdout).toContain("prepare-vm");
    },
    LIMIT,
  );

  it(
    "run by Pulumi's own runner with its ts-node",
    async () => {
      const [clientPort = 0, peerPort = 0] = await freePorts(2);
      const config = {
        "somebody-elses:clientPort": String(clientPort),
        "somebody-elses:peerPort": String(peerPort),
      };
      // Types have been checked above.
      const env = { PULUMI_NODEJS_TRANSPILE_ONLY: "true" };
      const run = await runProgram({ projectDir: project.folder, config, env });
      expect(run.logged.error).toEqual([]);
      expect(run.exitCode, run.stderr).toBe(0);
      expect(run.registered).toEqual(expect.arrayContaining(PARTS));
    },
    LIMIT,
  );

  it(
    "restore and prove for real on the embedded engine, and change nothing the second time",
    async () => {
      const folder = path.join(project.folder, "example");
      const [clientPort = 0, peerPort = 0] = await freePorts(2);
      const engine = embeddedEngine({
        ...{ projectDir: folder, stack: "test", progress: "none" },
        workDir: path.join(project.folder, "state"),
        config: {
          "last-night:snapshot": "../backup.db",
          "last-night:clientPort": String(clientPort),
          "last-night:peerPort": String(peerPort),
        },
      });
      const up = await engine.up();
      try {
        expect(up.failures).toEqual([]);
        const outputs = await engine.outputs();
        expect(outputs.verdict).toEqual({ value: "pass", secret: false });
        expect(outputs.clientEndpoint?.value).toBe(`https://127.0.0.1:${clientPort}`);
        expect(outputs.clientKey?.secret).toBe(true);
        const text = fs.readFileSync(String(outputs.report?.value), "utf8");
        expect((JSON.parse(text) as Report).snapshot.sha256).toBe(SHA256);
        const again = await engine.up();
        expect(Object.keys(again.changes)).toEqual(["same"]);
      } finally {
        expect(await engine.destroy()).toMatchObject({ ok: true });
      }
      expect(fs.readdirSync(path.join(folder, "last-night"))).toEqual([]);
    },
    LIMIT,
  );
});

describe("the command of an installed package", () => {
  const command = path.join("node_modules", ".bin", "etcd-restore");

  it(
    "inspects a backup by npx",
    async () => {
      const { stdout } = await project.run("npx", [
        "--no",
        "etcd-restore",
        "inspect",
        "backup.db",
        "--json",
      ]);
      expect(JSON.parse(stdout)).toMatchObject({
        verdict: "restorable",
        sha256: SHA256,
        keys: 337,
      });
    },
    LIMIT,
  );

  it(
    "names itself as it is typed: by npx in a project, and not where it is installed for everybody",
    async () => {
      const inProject = await project.run(command, ["ls", "--help"]);
      expect(inProject.stdout).toContain("\n  npx etcd-restore ls ");
      const elsewhere = await temporaryDirectory();
      const everywhere = ["-c", `cd "$1" && exec "$2" ls --help`, "sh", elsewhere];
      const { stdout } = await project.run("sh", [
        ...everywhere,
        path.join(project.folder, command),
      ]);
      expect(stdout).toContain("\n  etcd-restore ls ");
      expect(stdout).not.toContain("npx");
    },
    LIMIT,
  );

  it(
    "starts and stops with its state in the working directory, its programs in the user's cache",
    async () => {
      const cache = await temporaryDirectory();
      fs.symlinkSync(toolsDirOf({}), path.join(cache, "etcd-restore"));
      const env = { XDG_CACHE_HOME: cache, ETCD_RESTORE_TOOLS: "" };
      const ports = (await freePorts(2)).map(
        (port, at) => `${at === 0 ? "client" : "peer"}Port=${port}`,
      );
      const settings = ports.flatMap((setting) => ["-c", setting]);
      fs.writeFileSync(path.join(project.folder, ".gitignore"), ".lab/\n");
      const { stdout } = await project.run(
        command,
        ["start", "backup.db", "--json", ...settings],
        env,
      );
      const lab = path.join(project.folder, ".lab");
      try {
        expect(JSON.parse(stdout)).toMatchObject({ verdict: "pass" });
        const find = path.join(project.installed, "dist", "machine", "programs", "find.js");
        const ask = `console.log(require(${JSON.stringify(find)}).toolsDirOf({}))`;
        const tools = await project.run(process.execPath, ["-e", ask], env);
        expect(tools.stdout.trim()).toBe(path.join(cache, "etcd-restore"));
        const listed = await project.run(command, ["ls", "/registry/namespaces"], env);
        expect(listed.stdout).toContain("/registry/namespaces/default");
      } finally {
        const stopped = await project.run(command, ["stop"], env);
        expect(stopped.stderr).toContain(`Stopped; nothing is left of ${lab}`);
      }
      expect(fs.existsSync(lab)).toBe(false);
    },
    LIMIT,
  );

  it(
    "keeps its state where ETCD_RESTORE_HOME or a flag says",
    async () => {
      const home = await temporaryDirectory();
      const elsewhere = await project.run(command, ["stop"], { ETCD_RESTORE_HOME: home });
      expect(elsewhere.stderr).toContain(`${path.join(home, ".lab")} does not exist`);
      const asked = await project.run(command, ["stop", "-c", "labDirectory=mine"], {});
      expect(asked.stderr).toContain(`${path.join(project.folder, "mine")} does not exist`);
      // Every end leaves its report: of a backup that is none, too.
      const env = { ETCD_RESTORE_HOME: home };
      await project.run(command, ["start", "package.json"], env).catch(() => undefined);
      expect(fs.existsSync(path.join(home, ".lab", "report.json"))).toBe(true);
      expect(fs.existsSync(path.join(project.folder, ".lab"))).toBe(false);
    },
    LIMIT,
  );

  it(
    "reads a stack's settings where its state is, and paths in them from there; another project's are none",
    async () => {
      const home = await temporaryDirectory();
      fs.symlinkSync(path.join(project.folder, "backup.db"), path.join(home, "mine.db"));
      const settings = "config:\n  etcd-restore:target: local\n  etcd-restore:snapshot: mine.db\n";
      for (const folder of [home, project.folder]) {
        fs.writeFileSync(path.join(folder, "Pulumi.mine.yaml"), settings);
      }
      const ask = (env: NodeJS.ProcessEnv): Promise<{ readonly stdout: string }> =>
        project
          .run(command, ["doctor", "--stack", "mine", "--json"], env)
          .catch((error: unknown) => error as { readonly stdout: string });
      const found = JSON.parse((await ask({ ETCD_RESTORE_HOME: home })).stdout) as {
        readonly checks: readonly { readonly id: string }[];
      };
      expect(found.checks.find(({ id }) => id === "backup")).toMatchObject({
        verdict: "pass",
        found: expect.stringContaining("mine.db") as string,
      });
      expect(JSON.parse((await ask({})).stdout)).toMatchObject({ exitCode: 2 });
    },
    LIMIT,
  );

  it(
    "says how to type what it offers",
    async () => {
      const { stdout } = await project.run(command, ["stop", "--help"]);
      expect(stdout).toContain("npx etcd-restore stop --purge");
      expect(stdout).not.toContain("npm stop");
    },
    LIMIT,
  );
});

describe("the reader", () => {
  it.each(["read.mjs", "read.cjs"])(
    "reads a backup without etcd and without Pulumi: %s",
    async (program) => {
      const read = async (file: string): Promise<unknown> =>
        JSON.parse((await project.run(process.execPath, [program, file], { PATH: "" })).stdout);
      expect(await read("backup.db")).toEqual({
        name: path.join(project.folder, "backup.db"),
        ...{ sha256: SHA256, revision: 482, keys: 337, verdict: "restorable" },
        value: 290,
      });
      expect(await read("package.json")).toMatchObject({ refused: true });
    },
    LIMIT,
  );
});

// The last one: of all that ran before.
it("nothing was written where the package is installed", () => {
  expect(listing(project.installed)).toEqual(before);
});
