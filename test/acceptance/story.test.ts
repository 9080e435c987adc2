/**
 * The whole story on this computer as a user sees it: start, again, another backup, look inside, stop.
 * On the embedded engine, or with ENGINE=pulumi on the Pulumi CLI.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { duration } from "../../etcd/wire/figures";
import { watchLoads } from "../support/loaded";
import {
  beginCommand,
  isListening,
  openLab,
  processesOf,
  type Ended,
  type Lab,
} from "../support/lab";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { timeLimit } from "../support/time-limit.cjs";

const LIMIT = timeLimit(180_000);
const files = createWorkspace();
const otherBackup = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
/** Values of Secrets in the sample; synthetic. */
const SECRET_VALUES = ["correct-horse-battery-staple", "not-a-real-password", "f395accd246ae52d"];

let lab: Lab;
let first: Ended;
/** When the first start was typed, and had ended: Unix time in milliseconds. */
const firstRun = { began: 0, ended: 0 };

const loads = watchLoads();
/** The engine serves gRPC and reads two files of settings; what was proved is printed as a table. */
const LOADED_BY_AN_UNCHANGED_START = [
  ...["@grpc/grpc-js", "@js-sdsl/ordered-map", "@pulumi/pulumi", "google-protobuf"],
  ...["cli-table3", "emoji-regex", "string-width", "strip-ansi"],
  ...["commander", "picocolors", "typescript", "yaml", "zod"],
].sort();
/** Packages of the command's process, and of the program's. */
function loadedPackages() {
  const loaded = loads.take();
  return { command: loaded.get("etcd-restore.cjs"), program: loaded.get("index.js") };
}

beforeAll(async () => {
  lab = await openLab();
  firstRun.began = Date.now();
  first = await lab.run("start");
  firstRun.ended = Date.now();
}, LIMIT);
afterAll(async () => {
  files.remove();
  loads.remove();
  await lab.dispose();
}, LIMIT);

test("start restores the sample and proves every key of it", () => {
  expect(first.code, first.stderr).toBe(0);
  expect(first.stdout).toContain("PASS  337 of 337 keys");
  const report = lab.report();
  expect(report.verdict).toBe("pass");
  expect(report.restored).toMatchObject({ keys: 337, hashKv: 1992026518, compactRevision: 424 });
  expect(report.snapshot).toMatchObject({
    sha256: "8f94ef683fd5b2596bafa005e5cbc74dd2f2bf11b2b55519f98f920522b6e008",
    revision: 482,
    keys: 337,
    hashKv: 1992026518,
    etcdVersion: "3.6.0",
  });
  expect(report.restored.etcdVersion).toMatch(/^3\.6\./);
  expect(report.phases.map(({ name }) => name)).toEqual([
    "preflight",
    "install",
    "restore",
    "start",
    "verify",
    "life",
  ]);
  expect(report.checks.find(({ id }) => id === "life-own-restart")?.verdict).toBe("pass");
});

test("the report's time is that of the run, from the command's start, in every format", () => {
  const { startedAt, seconds, phases } = lab.report();
  const started = Date.parse(startedAt);
  expect(started).toBeGreaterThanOrEqual(firstRun.began);
  // Before anything was made.
  expect(started).toBeLessThan(fs.statSync(path.join(lab.directory, "client", "ca.crt")).mtimeMs);
  expect(started + seconds * 1000).toBeLessThanOrEqual(firstRun.ended + 1);
  const sum = phases.reduce((total, phase) => total + phase.seconds, 0);
  expect(seconds).toBeGreaterThanOrEqual(sum - 0.001);
  const told = { html: duration(seconds), md: duration(seconds), prom: String(seconds) };
  for (const [format, text] of Object.entries({ ...told, xml: `time="${seconds.toFixed(3)}"` })) {
    expect(fs.readFileSync(path.join(lab.directory, `report.${format}`), "utf8")).toContain(text);
  }
  expect(first.stdout).toContain(duration(seconds));
});

test("the command line that it prints works when it is pasted", () => {
  const line = /^ {2}(.*etcdctl .*)$/m.exec(first.stderr)?.[1] ?? "";
  const keys = execFileSync("sh", ["-c", line], { encoding: "utf8" });
  expect(keys.split("\n")).toContain("/registry/apiregistration.k8s.io/apiservices/v1.");
});

test("a client without a certificate is turned away", () => {
  const ca = path.join(lab.directory, "client", "ca.crt");
  const etcdctl = path.join(lab.directory, "etcd", "bin", "etcdctl");
  const args = [`--endpoints=https://127.0.0.1:${lab.clientPort}`, `--cacert=${ca}`];
  expect(() =>
    execFileSync(etcdctl, [...args, "--command-timeout=3s", "get", "/", "--limit=1"], {
      stdio: "pipe",
    }),
  ).toThrow();
});

test("everything that it keeps is for its owner alone, and no key of it is in clear in the state", () => {
  const files = fs
    .readdirSync(lab.directory, { recursive: true, encoding: "utf8" })
    .map((name) => path.join(lab.directory, name));
  expect(fs.statSync(lab.directory).mode & 0o777).toBe(0o700);
  const open = files.filter((file) => {
    const stat = fs.lstatSync(file);
    // The metrics are for another program's user, once somebody copies them out of the folder, which is 0700.
    return !stat.isSymbolicLink() && !file.endsWith(".prom") && (stat.mode & 0o077) !== 0;
  });
  expect(open).toEqual([]);
  const state = files.filter((file) => file.startsWith(path.join(lab.directory, "stack")));
  expect(state.length).toBeGreaterThan(0);
  for (const file of state.filter((name) => fs.statSync(name).isFile())) {
    const text = fs.readFileSync(file, "latin1");
    expect(text, file).not.toContain("PRIVATE KEY");
    expect(text, file).not.toContain(
      fs.readFileSync(path.join(lab.directory, "client", "client.key"), "latin1").split("\n")[1],
    );
  }
});

test("no value of the backup and no private key is in what it printed or reported", () => {
  const said = [
    first.stdout,
    first.stderr,
    fs.readFileSync(path.join(lab.directory, "report.json"), "latin1"),
  ];
  for (const value of ["PRIVATE KEY", ...SECRET_VALUES]) {
    for (const text of said) expect(text).not.toContain(value);
  }
  const sample = snapshotBytes("kubernetes-1.35-main.db").toString("latin1");
  for (const value of SECRET_VALUES)
    expect(sample, "the values are in the backup").toContain(value);
});

test("again with the same backup changes nothing and restarts nothing", async () => {
  const before = { pid: lab.etcdPid(), report: lab.report() };
  loads.take();
  for (const [name, value] of Object.entries(loads.env)) vi.stubEnv(name, value);
  const again = await lab.run("start").finally(() => vi.unstubAllEnvs());
  expect(again.code, again.stderr).toBe(0);
  const { command, program } = loadedPackages();
  if (process.env.ENGINE !== "pulumi") {
    expect(command).toEqual(LOADED_BY_AN_UNCHANGED_START);
    expect(program).toContain("@pulumi/pulumi");
    for (const name of ["@pulumi/openstack", "execa", "js-yaml", "yaml"])
      expect(program).not.toContain(name);
  }
  expect(again.stderr).toContain("nothing changed");
  expect(again.stdout).toContain("PASS  337 of 337 keys");
  expect({ pid: lab.etcdPid(), report: lab.report() }).toEqual(before);
});

test.skipIf(process.env.ENGINE === "pulumi")(
  "ls on the stack loads no engine, and derives no key",
  async () => {
    const lines: number[] = [];
    for (let run = 0; run < 2; run++) {
      loads.take();
      for (const [name, value] of Object.entries(loads.env)) vi.stubEnv(name, value);
      const flags = ["-c", `labDirectory=${lab.directory}`, "--stack", "local"];
      const running = beginCommand(["ls", ...flags, "/registry/"]).ended;
      const { code, stdout, stderr } = await running.finally(() => vi.unstubAllEnvs());
      expect(code, stderr).toBe(0);
      lines.push(stdout.split("\n").length);
    }
    expect(lines[0]).toBeGreaterThan(10);
    expect(loadedPackages().command).toEqual(["commander", "typescript", "zod"]);
  },
  LIMIT,
);

test(
  "another backup is restored anew, and the old data is kept aside",
  async () => {
    const other = await lab.run("start", otherBackup);
    expect(other.code, other.stderr).toBe(0);
    expect(lab.report()).toMatchObject({
      verdict: "pass",
      restored: { keys: 296, hashKv: 1499529501 },
    });
    const aside = fs
      .readdirSync(path.join(lab.directory, "etcd"))
      .filter((name) => name.includes(".aside-"));
    expect(aside).toHaveLength(1);
  },
  LIMIT,
);

test(
  "a wished bump is made once the backup is proved, and taken back with the wish",
  async () => {
    const bumped = await lab.run("start", otherBackup, "-c", "bumpRevision=1000");
    expect(bumped.code, bumped.stderr).toBe(0);
    const { snapshot, restored, verdict } = lab.report();
    const revision = snapshot.revision + 1000;
    expect({ verdict, restored }).toMatchObject({
      verdict: "pass",
      restored: { keys: 296, revision, compactRevision: revision },
    });

    const plain = await lab.run("start", otherBackup);
    expect(plain.code, plain.stderr).toBe(0);
    expect(lab.report()).toMatchObject({ verdict: "pass", restored: { hashKv: 1499529501 } });
  },
  LIMIT,
);

test(
  "an etcd that somebody killed is started again, on the data that it had",
  async () => {
    process.kill(lab.etcdPid(), "SIGKILL");
    const again = await lab.run("start", otherBackup);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain("already restored");
    expect(lab.report().verdict).toBe("pass");
    const third = await lab.run("start", otherBackup);
    expect(third.stderr).toContain("nothing changed");
  },
  LIMIT,
);

test("stop leaves no process, no port and no data, and stop again says that there is nothing", async () => {
  const stopped = await lab.run("stop");
  expect(stopped.code, stopped.stderr).toBe(0);
  expect(fs.existsSync(lab.directory)).toBe(false);
  expect(processesOf(lab.directory)).toEqual([]);
  expect(await isListening(lab.clientPort)).toBe(false);
  const again = await lab.run("stop");
  expect(again.code).toBe(0);
  expect(again.stderr).toContain("There is nothing to stop");
});
