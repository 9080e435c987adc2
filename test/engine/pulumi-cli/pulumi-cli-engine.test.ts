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
import { readable } from "../../../engine/pulumi-cli/events";
import { findPulumiCli } from "../../../engine/pulumi-cli/find-cli";
import { pulumiCliEngine } from "../../../engine/pulumi-cli/pulumi-cli-engine";
import { temporaryDirectory } from "../../support/temporary";
import { stderrOf, until } from "../support";

interface Call {
  readonly args: readonly string[];
  readonly config?: string;
  readonly backend?: string;
  readonly passphraseFile?: string;
  readonly cwd: string;
}

/** A project of its own and a PATH on which `pulumi` is the stand-in. */
async function fakeCli() {
  const directory = await temporaryDirectory();
  const bin = path.join(directory, "bin");
  const projectDir = path.join(directory, "project");
  fs.mkdirSync(bin);
  fs.mkdirSync(projectDir);
  const cli = path.join(bin, "pulumi");
  fs.copyFileSync(path.join(__dirname, "fake-pulumi.cjs"), cli);
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
    return lines
      .map((line) => JSON.parse(line) as Call)
      .filter(({ args }) => args[0] !== "version");
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
    expect(up?.args).toEqual(
      expect.arrayContaining([
        "--color",
        "never",
        "--stack",
        "test",
        "--config-file",
        files.config,
      ]),
    );
    expect(up?.cwd).toBe(options.projectDir);
    expect(up?.backend).toBe(`file://${files.backend}`);
    expect(up?.passphraseFile).toBe(files.passphrase);
    expect(parse(up?.config ?? "")).toEqual({ config: { "chain:a": "new", "chain:b": "kept" } });
    // Two for the outputs and one for the history, which must not ask for secrets with the salt of the user's file.
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
        },
      ],
    });
    expect(output).toMatch(
      /command:local:Command first: failed \([\d.]+ s\): the reason \(exit status 3\)/,
    );
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

  it("are ours only where the user's environment says nothing", () => {
    expect(cliEnvironment({}, files)).toEqual({
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_BACKEND_URL: "file:///w/s.pulumi/backend",
      PULUMI_CONFIG_PASSPHRASE_FILE: "/w/s.pulumi/passphrase",
    });
    expect(cliEnvironment({ PULUMI_CONFIG_PASSPHRASE: "" }, files)).not.toHaveProperty(
      "PULUMI_CONFIG_PASSPHRASE_FILE",
    );
    for (const name of ["PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"]) {
      expect(cliEnvironment({ [name]: "x" }, files)).toEqual({ PULUMI_SKIP_UPDATE_CHECK: "true" });
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

  it("make readable what providers say", () => {
    expect(readable('1 error occurred:\n\t* exit status 1: running "sh":\nno\nway\n')).toBe(
      "no\nway (exit status 1)",
    );
    expect(readable('exit status 4: running "true"')).toBe(
      "the command ended with exit status 4 and did not say why",
    );
    expect(readable("Error: boom\n    at x (y.ts:1:1)\n    at z")).toBe("Error: boom");
  });
});
