/**
 * How our program ends under Pulumi: run by the SDK's own `run.js`, as `pulumi up` does. By its TypeScript support, too, where
 * lines of a stack or what a run costs are the matter; else by ours, which need not compile all of it again.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { runProgram, type ProgramRunOptions } from "../support/run-program";
import { currentReport } from "../../etcd/report/evidence";
import { REPORT_FILES } from "../../etcd/report/report";
import { writeReports } from "../../etcd/report/write-all";
import { readReport } from "../etcd/report/reports";
import { temporaryDirectory } from "../support/temporary";

const PROJECT = path.join(__dirname, "..", "..");
/** A run of the same program that gets as far costs about 4 CPU seconds and 300 MB; what this is about, 60 and 3,500. */
const CPU_SECONDS = 15;
const MEGABYTES = 700;

async function refused(
  config: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
  typescript: ProgramRunOptions["typescript"] = "ts-node",
) {
  const labDirectory = path.join(await temporaryDirectory(), "lab");
  const all = { "etcd-restore:target": "local", "etcd-restore:labDirectory": labDirectory };
  return await runProgram({ projectDir: PROJECT, config: { ...all, ...config }, env, typescript });
}

/** A program of its own, which imports `program` as ours does. */
async function projectOf(source: string): Promise<string> {
  const directory = await temporaryDirectory();
  const sources = JSON.stringify(path.join(PROJECT, "components", "program"));
  for (const [name, text] of Object.entries({
    "Pulumi.yaml": "name: etcd-restore\nruntime: nodejs\n",
    "package.json": '{"main": "index.ts"}',
    // As in our own; without it the SDK checks the types, by an older library than ours.
    "tsconfig.json": '{"ts-node": {"transpileOnly": true}}',
    "index.ts": `import { program } from ${sources};\n${source}\n`,
  })) {
    fs.writeFileSync(path.join(directory, name), text);
  }
  fs.symlinkSync(path.join(PROJECT, "node_modules"), path.join(directory, "node_modules"));
  return directory;
}

describe("a refused backup", () => {
  it("is told at once, by its message alone, and leaves the stack's outputs as they were", async () => {
    const directory = await temporaryDirectory();
    const text = path.join(directory, "notes.db");
    fs.writeFileSync(text, "# notes\n".repeat(9000));
    const failure = path.join(directory, "failure.json");

    const run = await refused({ "etcd-restore:snapshot": text }, { PROGRAM_FAILURE_FILE: failure });

    expect(run.logged.error).toEqual([expect.stringMatching(/^cannot restore .*meta page/)]);
    expect(run.logged.warning).toEqual([]);
    expect(run.exitCode, run.stderr).toBe(32); // told already, says the SDK
    expect(run.stderr).toBe("");
    expect(run.registered).toEqual(["pulumi:pulumi:Stack"]);
    expect(run.outputs, "none are registered over the old ones").toBe(0);
    expect(JSON.parse(fs.readFileSync(failure, "utf8"))).toEqual({ kind: "settings" });
    expect(
      run.logged.debug.some((line) => /backup\.ts:\d+/.test(line)),
      "the stack",
    ).toBe(true);
    expect(run.cpuSeconds).toBeLessThan(CPU_SECONDS);
    expect(run.peakMegabytes).toBeLessThan(MEGABYTES);
  }, 240_000);

  it("is a computer that is not ready where that is the reason", async () => {
    const failure = path.join(await temporaryDirectory(), "failure.json");
    const run = await refused(
      {
        "etcd-restore:snapshot": "test/fixtures/kubernetes-1.35-main.db",
        "etcd-restore:etcdPrograms": "/nonexistent",
      },
      { PROGRAM_FAILURE_FILE: failure },
      "ours",
    );
    expect(run.logged.error).toEqual([expect.stringMatching(/^not ready: /)]);
    expect(JSON.parse(fs.readFileSync(failure, "utf8"))).toEqual({ kind: "not ready" });
  }, 240_000);
});

describe("what a run by Pulumi's own CLI leaves behind", () => {
  const sample = path.join(PROJECT, "test", "fixtures", "kubernetes-1.35-main.db");

  /** A lab with the reports of a proof that holds. */
  async function labWithProof() {
    const lab = path.join(await temporaryDirectory(), "lab");
    fs.mkdirSync(lab);
    writeReports(readReport("pass"), lab);
    return { lab, proof: fs.readFileSync(path.join(lab, "report.json"), "utf8") };
  }
  const settings = (labDirectory: string, snapshot: string): ProgramRunOptions => ({
    projectDir: PROJECT,
    typescript: "ours",
    config: {
      "etcd-restore:target": "local",
      "etcd-restore:labDirectory": labDirectory,
      "etcd-restore:snapshot": snapshot,
    },
  });

  it("of a refused backup: all five reports of this run, also out of a preview", async () => {
    const { lab } = await labWithProof();
    const text = path.join(lab, "notes.db");
    fs.writeFileSync(text, "# notes\n".repeat(9000));

    await runProgram(settings(lab, text));

    const report = currentReport(lab);
    expect(report).toMatchObject({ verdict: "fail", stack: "test", ended: { phase: "preflight" } });
    expect(report?.ended?.reason).toMatch(/^cannot restore .*meta page.*doctor/);
    expect(report?.snapshot.file).toBe(text);
    for (const file of REPORT_FILES) expect(fs.existsSync(path.join(lab, file)), file).toBe(true);
    expect(fs.readFileSync(path.join(lab, "report.prom"), "utf8")).toMatch(
      /^etcd_restore_verification_success 0$/m,
    );
  }, 240_000);

  it("of one that failed on the way, or was killed: that it came to no proof; the proof that holds is put back", async () => {
    const { lab, proof } = await labWithProof();
    const run = await runProgram({
      ...settings(lab, sample),
      update: true,
      failing: "command:local:Command",
    });
    expect(run.registered).toContain("command:local:Command");
    expect(currentReport(lab)).toMatchObject({
      verdict: "incomplete",
      ended: { phase: "provision", reason: expect.stringMatching(/it cannot be made/) as string },
    });

    const unchanged = await projectOf('export = program(async () => ({ verdict: "pass" }));');
    const again = { ...settings(lab, sample), projectDir: unchanged };
    await runProgram(again);
    expect(currentReport(lab)?.verdict, "a preview changes nothing").toBe("incomplete");
    await runProgram({ ...again, update: true });
    expect(fs.readFileSync(path.join(lab, "report.json"), "utf8")).toBe(proof);
  }, 240_000);

  it("is not its business where our own engine asks for the reason", async () => {
    const { lab, proof } = await labWithProof();
    const failure = path.join(lab, "failure.json");
    await runProgram({
      ...settings(lab, "/nonexistent"),
      env: { PROGRAM_FAILURE_FILE: failure },
    });
    expect(fs.existsSync(failure)).toBe(true);
    expect(fs.readFileSync(path.join(lab, "report.json"), "utf8")).toBe(proof);
  }, 240_000);
});

describe("an error that nobody foresaw", () => {
  it("is told by name and message, wherever it comes from and whatever hangs on it", async () => {
    const directory = await projectOf(
      `import * as pulumi from "@pulumi/pulumi";
       export = program(async () => {
         const cause = new RangeError("deep");
         cause.stack = "RangeError: deep\\n    at f (node_modules/@pulumi/resource.ts:1:1)";
         pulumi.output(1).apply(() => {
           throw Object.assign(new TypeError("out of an output"), { cause, secret: "sesame" });
         });
         await new Promise((resolve) => setTimeout(resolve, 200));
         throw new RangeError("out of the program");
       });`,
    );
    const run = await runProgram({ projectDir: directory, config: {} });
    const told = (text: string): unknown =>
      expect.stringMatching(new RegExp(`failed with an unhandled exception:\\n${text}$`));
    expect(run.logged.error).toEqual([
      told("TypeError: out of an output"),
      told("RangeError: out of the program"),
    ]);
    expect(run.outputs).toBe(0);
    expect(run.cpuSeconds).toBeLessThan(CPU_SECONDS);
  }, 240_000);
});
