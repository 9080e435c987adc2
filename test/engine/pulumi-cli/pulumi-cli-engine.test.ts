/**
 * How the Pulumi CLI is called, against a stand-in for it. What the CLI then does is not proved here but by acceptance.test.ts
 * with ENGINE=pulumi.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { chooseEngine } from "../../../engine/choose";
import { CliError, withoutSelecting } from "../../../engine/pulumi-cli/cli-process";
import { cliEnvironment, cliFiles } from "../../../engine/pulumi-cli/environment";
import { findPulumiCli } from "../../../engine/pulumi-cli/find-cli";
import { failureOf } from "../../../engine/pulumi-cli/provider-message";
import { pulumiCliEngine } from "../../../engine/pulumi-cli/pulumi-cli-engine";
import { temporaryDirectory } from "../../support/temporary";
import { everyKindOfEvent, failedRun, goodRun } from "./events.cjs";
import { stderrOf, until } from "../support";

interface Call {
  readonly args: readonly string[];
  readonly config?: string;
  readonly backend?: string;
  readonly passphrase?: string;
  readonly project: string;
  readonly cwd: string;
}

/** A line of the stand-in's log. */
function readCall(line: string): Call {
  const fields = new Map(
    line.split(" ").map((field) => {
      const [name = ""] = field.split("=", 1);
      return [name, Buffer.from(field.slice(name.length + 1), "base64").toString()];
    }),
  );
  const { args = "", project = "", cwd = "", ...rest } = Object.fromEntries(fields);
  return { ...rest, args: args.split("\0").slice(0, -1), project, cwd };
}

/** The events of each kind of run, as the CLI writes them into its log. */
function writeEvents(folder: string): string {
  fs.mkdirSync(folder);
  const runs = { good: goodRun(), failed: failedRun(), "every-kind": everyKindOfEvent() };
  for (const [name, events] of Object.entries(runs)) {
    const lines = events.map((event, sequence) =>
      JSON.stringify({ sequence, timestamp: 0, ...event }),
    );
    fs.writeFileSync(path.join(folder, name), `${lines.join("\n")}\n`);
  }
  return folder;
}

/** A project of its own and a PATH on which `pulumi` is the stand-in. */
async function fakeCli() {
  const directory = await temporaryDirectory();
  const bin = path.join(directory, "bin");
  const projectDir = path.join(directory, "project");
  fs.mkdirSync(bin);
  fs.mkdirSync(projectDir);
  const cli = path.join(bin, "pulumi");
  fs.copyFileSync(path.join(__dirname, "fake-pulumi.sh"), cli);
  fs.chmodSync(cli, 0o755);
  fs.writeFileSync(
    path.join(projectDir, "Pulumi.yaml"),
    "name: chain\nruntime: nodejs\nconfig:\n  pin: {type: string, secret: true, default: x}\n",
  );
  const stackFile = path.join(projectDir, "Pulumi.test.yaml");
  fs.writeFileSync(stackFile, "config:\n  chain:a: old\n  chain:b: kept\n");
  const log = path.join(directory, "log");
  vi.stubEnv("PATH", `${bin}${path.delimiter}${process.env.PATH ?? ""}`);
  vi.stubEnv("FAKE_PULUMI_LOG", log);
  vi.stubEnv("FAKE_PULUMI_EVENTS", writeEvents(path.join(directory, "events")));
  const options = {
    projectDir,
    stack: "test",
    workDir: path.join(directory, "work"),
    config: { "chain:a": "new" },
    progress: "none",
  } as const;
  const calls = (): readonly Call[] => {
    const lines = fs.existsSync(log) ? fs.readFileSync(log, "utf8").trim().split("\n") : [];
    fs.rmSync(log, { force: true });
    return lines.map(readCall).filter(({ args }) => args[0] !== "version");
  };
  return { cli, options, stackFile, files: cliFiles(options), calls };
}

beforeEach(() => {
  vi.unstubAllEnvs();
  for (const name of [
    "BACKEND_URL",
    "ACCESS_TOKEN",
    "CONFIG_PASSPHRASE",
    "CONFIG_PASSPHRASE_FILE",
  ]) {
    vi.stubEnv(`PULUMI_${name}`, undefined);
  }
});

describe("the Pulumi CLI as an engine", () => {
  it("makes the stack in a folder of ours, and runs with a copy of the settings", async () => {
    const { options, files, stackFile, calls, cli } = await fakeCli();
    const before = fs.readFileSync(stackFile, "utf8");
    const engine = chooseEngine("auto", options);
    expect(engine.description).toBe(`Pulumi CLI v3.200.0 (${cli})`);

    expect(await engine.up()).toMatchObject({
      ok: true,
      changes: { create: 1, same: 2 },
      failures: [],
    });

    const [find, init, up, ...rest] = calls();
    expect(find?.args).toEqual(["stack", "--stack", "test", "--non-interactive"]);
    expect(init?.args).toEqual(["stack", "init", "test", "--no-select", "--non-interactive"]);
    expect(up?.args.slice(0, 3)).toEqual(["up", "--yes", "--skip-preview"]);
    expect(up?.args).toEqual(expect.arrayContaining(["--color", "never", "--stack", "test"]));
    expect(up?.cwd).toBe(files.folder);
    expect(parse(up?.project ?? "")).toMatchObject({ name: "chain", main: options.projectDir });
    expect(up?.backend).toBe(`file://${files.backend}`);
    expect(up?.passphrase).toBe(fs.readFileSync(files.passphrase, "utf8").trim());
    expect(parse(up?.config ?? "")).toEqual({
      config: { "chain:a": "new", "chain:b": "kept" },
      encryptionsalt: expect.any(String) as string,
    });
    // Two for the outputs and one for the history, which need not ask for secrets.
    expect(rest.map(({ args }) => args[1])).toEqual(["output", "output", "history"]);
    expect(rest[2]?.args).not.toContain("--show-secrets");

    expect(fs.readFileSync(stackFile, "utf8"), "the user's file").toBe(before);
    expect(fs.statSync(files.passphrase).mode & 0o777).toBe(0o600);
    expect(fs.statSync(files.config).mode & 0o777).toBe(0o600);
    expect(fs.statSync(files.folder).mode & 0o777).toBe(0o700);
  });

  it("tells secret outputs from others, destroys without touching the user's settings, and leaves nothing", async () => {
    const { options, files, stackFile, calls } = await fakeCli();
    const engine = pulumiCliEngine(options);
    expect(await engine.outputs()).toEqual({});
    expect(calls(), "no stack was ever made").toEqual([]);
    await engine.up();
    expect(await engine.outputs()).toEqual({
      open: { value: 1, secret: false },
      word: { value: "sesame", secret: true },
    });
    calls();

    expect((await engine.destroy()).ok).toBe(true);

    const [, destroy, , remove] = calls();
    expect(destroy?.args.slice(0, 3)).toEqual(["destroy", "--yes", "--skip-preview"]);
    expect(remove?.args).toEqual([
      "stack",
      "rm",
      "--yes",
      "--preserve-config",
      "test",
      "--non-interactive",
    ]);
    expect(fs.existsSync(stackFile)).toBe(true);
    expect(fs.existsSync(files.folder)).toBe(false);
    expect(await engine.destroy(), "again").toMatchObject({ ok: true, changes: {} });
  });

  it("previews a stack that is not there and leaves none", async () => {
    const { options, files, calls } = await fakeCli();
    expect(await pulumiCliEngine(options).preview()).toMatchObject({
      ok: true,
      changes: { create: 1 },
    });
    expect(calls().map(({ args }) => args.slice(0, 2).join(" "))).toEqual([
      "stack --stack",
      "stack init",
      "preview --color",
      "stack rm",
    ]);
    expect(fs.existsSync(files.folder)).toBe(false);
  });

  it("tells which resource failed and what its command said, not the command's text", async () => {
    const { options } = await fakeCli();
    vi.stubEnv("FAKE_PULUMI_FAILS", "yes");
    let result;
    const output = await stderrOf(async () => {
      result = await pulumiCliEngine({ ...options, progress: "lines" }).up();
    });
    expect(result).toMatchObject({
      ok: false,
      changes: { same: 1 },
      failures: [
        {
          urn: "urn:pulumi:test::chain::command:local:Command::first",
          message: "the reason (exit status 3)",
          exitStatus: 3,
        },
      ],
    });
    expect(output).toMatch(
      /command:local:Command first: failed \([\d.]+ s\): the reason \(exit status 3\)/,
    );
  });

  it("tells what is for people and nothing else, of every kind of event that there is", async () => {
    const { options } = await fakeCli();
    vi.stubEnv("FAKE_PULUMI_EVERYTHING", "yes");
    vi.stubEnv("CLOUD_PASSWORD", "open-sesame-of-the-environment");
    let result;
    const output = await stderrOf(async () => {
      result = await pulumiCliEngine({ ...options, progress: "lines" }).up();
    });
    expect(result).toEqual({
      ok: true,
      changes: { create: 1 },
      failures: [],
      seconds: expect.any(Number) as number,
    });
    const lines = output
      .replace(/[\d.]+ s/g, "N s")
      .trim()
      .split("\n");
    expect(lines).toEqual([
      "+ command:local:Command first: creating",
      "for people",
      "the program's stderr",
      "the key is [secret] and the word [secret]",
      "warning: be careful with [secret]",
      "warning: policy ports: no public ports",
      "+ command:local:Command first: created (N s)",
      "up: 1 created in N s",
    ]);
    expect(output).not.toMatch(/canary|PRIVATE KEY|open-sesame|future/);
  });

  it("never reads the salt of the user's stack file, and never writes there, whatever happens", async () => {
    const { options, stackFile, files, calls } = await fakeCli();
    fs.appendFileSync(stackFile, "encryptionsalt: v1:of-a-stack-of-the-users-own\n");
    const before = fs.readFileSync(stackFile, "utf8");

    const engine = pulumiCliEngine(options);
    expect((await engine.up()).failures).toEqual([]);
    expect((await engine.up()).ok).toBe(true);
    expect(Object.keys(await engine.outputs())).toEqual(["open", "word"]);
    expect(calls().every(({ config }) => !config?.includes("of-a-stack-of-the-users-own"))).toBe(
      true,
    );
    expect(fs.readFileSync(stackFile, "utf8")).toBe(before);

    // What the CLI wrote is readable by nobody else.
    const modes = fs
      .readdirSync(files.backend, { recursive: true, withFileTypes: true })
      .map((entry) => fs.statSync(path.join(entry.parentPath, entry.name)).mode & 0o077);
    expect(modes.length).toBeGreaterThan(1);
    expect(modes.every((mode) => mode === 0)).toBe(true);
  });

  it("refuses an encrypted setting of the user's file, whose key belongs to another stack", async () => {
    const { options, stackFile } = await fakeCli();
    fs.writeFileSync(stackFile, "config:\n  chain:b:\n    secure: v1:abc\nencryptionsalt: v1:x\n");
    const { failures } = await pulumiCliEngine(options).up();
    expect(failures).toEqual([
      { kind: "settings", message: expect.stringMatching(/chain:b .* is encrypted/) as string },
    ]);
  });

  it("goes on after a run that was killed, whose lock is still there", async () => {
    const { options, files } = await fakeCli();
    expect((await pulumiCliEngine(options).up()).ok).toBe(true);
    const lock = path.join(files.backend, ".pulumi", "locks", "test", "a-lock.json");
    fs.writeFileSync(lock, "{}");
    expect(await pulumiCliEngine(options).up()).toMatchObject({ ok: true, failures: [] });
    expect(fs.existsSync(lock)).toBe(false);
  });

  it("refuses a second run at the same time, and leaves the first one alone", async () => {
    const { options, stackFile } = await fakeCli();
    const before = fs.readFileSync(stackFile, "utf8");
    const marker = path.join(options.projectDir, "marker");
    vi.stubEnv("FAKE_PULUMI_HANGS", marker);
    const controller = new AbortController();
    const first = pulumiCliEngine({ ...options, signal: controller.signal }).up();
    await until("the CLI to run", () => fs.existsSync(marker));
    await expect(pulumiCliEngine(options).up()).rejects.toThrow(/the stack is in use: process \d+/);
    expect(fs.readFileSync(marker, "utf8")).toBe("running");
    controller.abort();
    expect((await first).ok).toBe(false);
    expect(fs.readFileSync(stackFile, "utf8")).toBe(before);
  });

  it("makes no other passphrase where the stack's own is gone, and takes it from the environment", async () => {
    const { options, files } = await fakeCli();
    expect((await pulumiCliEngine(options).up()).ok).toBe(true);
    const passphrase = fs.readFileSync(files.passphrase, "utf8").trim();
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "of other stacks");
    expect((await pulumiCliEngine(options).up()).ok, "its own goes before").toBe(true);
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", undefined);
    fs.rmSync(files.passphrase);
    await expect(pulumiCliEngine(options).up()).rejects.toThrow(/passphrase .* is not here: set/);
    expect(fs.existsSync(files.passphrase)).toBe(false);
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", passphrase);
    expect((await pulumiCliEngine(options).up()).ok).toBe(true);
  });

  it("throws for a stack that another run holds", async () => {
    const { options } = await fakeCli();
    vi.stubEnv("FAKE_PULUMI_LOCKED", "yes");
    await expect(pulumiCliEngine(options).up()).rejects.toThrow(
      "the stack test is in use by another run of Pulumi",
    );
  });

  it("interrupts the CLI once, and says so", async () => {
    const { options, files } = await fakeCli();
    const marker = path.join(options.projectDir, "marker");
    vi.stubEnv("FAKE_PULUMI_HANGS", marker);
    const controller = new AbortController();
    const run = pulumiCliEngine({ ...options, signal: controller.signal }).up();
    await until("the CLI to run", () => fs.existsSync(marker));

    controller.abort();

    expect((await run).failures[0]?.message).toContain("interrupted: what was made is kept");
    expect(fs.readFileSync(marker, "utf8")).toBe("interrupted");
    expect(fs.existsSync(files.backend)).toBe(true);
  });

  it("refuses a secret on the command line, which would stand in clear in a file", async () => {
    const { options } = await fakeCli();
    const result = await pulumiCliEngine({ ...options, config: { "chain:pin": "1234" } }).up();
    expect(result.failures[0]?.message).toContain(
      "chain:pin is a secret: set it with `pulumi config set --secret`",
    );
  });
});

describe("without a Pulumi CLI", () => {
  it("`auto` is the embedded engine and says why, `pulumi` is an error that says what to do", async () => {
    const directory = await temporaryDirectory();
    fs.mkdirSync(path.join(directory, "pulumi"));
    vi.stubEnv("PATH", directory);
    const options = { projectDir: directory, stack: "test", workDir: directory };
    expect(findPulumiCli()).toBeUndefined();
    expect(chooseEngine("auto", options).description).toMatch(
      /^embedded engine \d+\.\d+\.\d+ \(no Pulumi CLI on PATH; one machine, no cloud\)$/,
    );
    expect(() => chooseEngine("pulumi", options)).toThrow(
      /no Pulumi CLI on PATH: install it .* or run with `--engine embedded`/,
    );
  });
});

describe("the CLI's surroundings", () => {
  const files = cliFiles({ projectDir: "/p", stack: "s", workDir: "/w" });
  const always = { PULUMI_SKIP_UPDATE_CHECK: "true", PROGRAM_FAILURE_FILE: files.refusal };

  it("are ours only where the user's environment says nothing", () => {
    expect(cliEnvironment({}, files)).toEqual({
      ...always,
      PULUMI_CONFIG_PASSPHRASE: undefined,
      PULUMI_BACKEND_URL: "file:///w/s.pulumi/backend",
      PULUMI_CONFIG_PASSPHRASE_FILE: "/w/s.pulumi/passphrase",
    });
    expect(cliEnvironment({ PULUMI_CONFIG_PASSPHRASE: "" }, files)).not.toHaveProperty(
      "PULUMI_CONFIG_PASSPHRASE_FILE",
    );
    for (const name of ["PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"]) {
      expect(cliEnvironment({ [name]: "x" }, files)).toEqual(always);
    }
  });

  it("keep the stack that the user has selected", () => {
    expect(withoutSelecting(["stack", "select", "--stack", "s"])).toEqual([
      "stack",
      "--stack",
      "s",
    ]);
    expect(withoutSelecting(["stack", "init", "s"])).toEqual(["stack", "init", "s", "--no-select"]);
    expect(withoutSelecting(["up", "--stack", "s"])).toEqual(["up", "--stack", "s"]);
  });

  it("give errors as the CLI said them", () => {
    const error = (stderr: string) => new CliError({ stdout: "", stderr, code: 255 });
    expect(error("warning: x\nerror: one\n  more\nerror: two\n").message).toBe("one\ntwo");
    expect(error("").message).toBe("the Pulumi CLI ended with exit status 255");
    expect(error("error: no stack named 'x' found").isNoStack).toBe(true);
  });

  it("make of what providers say the reason, and how a command ended", () => {
    expect(failureOf('1 error occurred:\n\t* exit status 1: running "sh":\nno\nway\n')).toEqual({
      message: "no\nway (exit status 1)",
      exitStatus: 1,
    });
    expect(failureOf('exit status 4: running "true"')).toEqual({
      message: "the command ended with exit status 4 and did not say why",
      exitStatus: 4,
    });
    expect(failureOf('Process exited with status 2: running "restore":\nwhy')).toEqual({
      message: "why (Process exited with status 2)",
      exitStatus: 2,
    });
    expect(failureOf('signal: killed: running "sh":\nx')).toEqual({
      message: "x (signal: killed)",
    });
    expect(failureOf("exit status 3 is what somebody else says")).toEqual({
      message: "exit status 3 is what somebody else says",
    });
    expect(failureOf("Error: boom\n    at x (y.ts:1:1)\n    at z")).toEqual({
      message: "Error: boom",
    });
  });
});
