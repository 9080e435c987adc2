/** One process of the program for several runs: each is as good as one in a process of its own. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Failure, StartProgram } from "../../../engine/engine";
import { stackFiles } from "../../../engine/embedded/files";
import { signalGroup } from "../../../engine/embedded/processes";
import { startKept } from "../../../engine/embedded/start-kept";
import { temporaryDirectory } from "../../support/temporary";
import { TYPESCRIPT } from "../../support/typescript";
import { stderrOf, testStack, until } from "../support";

/** The program's starts of one test; its processes end with it. */
function kept(): { readonly startProgram: StartProgram; readonly pids: number[] } {
  const pids: number[] = [];
  const start = startKept();
  onTestFinished(() => {
    for (const pid of pids) signalGroup(pid, "SIGKILL");
  });
  return {
    pids,
    startProgram: (run, onLine) => {
      const running = start(run, onLine);
      pids.push(running.pid ?? 0);
      return running;
    },
  };
}

/** Without the name of the stack's folder, and how many promises the SDK happened to have then. */
const comparable = ({ urn, message, ...rest }: Failure): Failure => ({
  ...rest,
  message: message.replace(/\d+ promises/, "promises"),
  ...(urn === undefined ? {} : { urn: urn.replace(/.*::/, "") }),
});

const isAlive = (pid: number): boolean => fs.existsSync(`/proc/${pid}/exe`);

describe("a program whose process is kept", () => {
  it("has in each run the settings, the stack and the outputs of that run alone", async () => {
    const { startProgram, pids } = kept();
    for (const word of ["first-word-17", "second-word-18"]) {
      const stack = await testStack("function");
      const engine = stack.engine({ mode: "ends", word }, { startProgram, progress: "lines" });
      const output = await stderrOf(async () => {
        expect(await engine.preview()).toMatchObject({ ok: true, changes: { create: 2 } });
        expect(await engine.up()).toMatchObject({ ok: true, changes: { create: 2 } });
      });
      expect(output.match(/run of test/g)).toHaveLength(2);
      expect(output).not.toContain(word);
      const { pid, word: echoed, isPreview } = await engine.outputs();
      expect([pid?.value, isPreview?.value]).toEqual([pids[0], false]);
      expect(echoed).toEqual({ value: word, secret: true });
    }
    expect(new Set(pids).size, "one process for four runs").toBe(1);
  }, 120_000);

  it("has in each run the environment that its engine has then", async () => {
    const { startProgram, pids } = kept();
    const { TMPDIR } = process.env;
    onTestFinished(() => {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
      delete process.env.ONLY_THEN;
    });
    const environmentWith = async (): Promise<unknown> => {
      const engine = (await testStack("function")).engine({ mode: "ends" }, { startProgram });
      expect((await engine.up()).failures).toEqual([]);
      return (await engine.outputs()).environment?.value;
    };

    const first = await temporaryDirectory();
    Object.assign(process.env, { TMPDIR: first, ONLY_THEN: "yes" });
    expect(await environmentWith()).toEqual({ TMPDIR: first, ONLY_THEN: "yes" });
    const second = await temporaryDirectory();
    process.env.TMPDIR = second;
    delete process.env.ONLY_THEN;
    expect(await environmentWith()).toEqual({ TMPDIR: second, ONLY_THEN: "" });
    expect(pids[0]).toBe(pids[1]);
  }, 120_000);

  it("is none for a run that begins while another one is under way: that has a process of its own", async () => {
    const { startProgram, pids } = kept();
    const words = ["first-word-17", "second-word-18"];
    const engines = await Promise.all(
      words.map(async (word) =>
        (await testStack("function")).engine({ mode: "waits", word }, { startProgram }),
      ),
    );
    const ends = await Promise.all(engines.map((engine) => engine.up()));
    expect(ends.map(({ failures }) => failures)).toEqual([[], []]);
    const outputs = await Promise.all(engines.map((engine) => engine.outputs()));
    expect(outputs.map(({ word }) => word?.value)).toEqual(words);
    expect(new Set(pids).size).toBe(2);
    const next = (await testStack("function")).engine({ mode: "ends" }, { startProgram });
    expect((await next.up()).ok).toBe(true);
    expect(pids[2]).toBe(pids[0]);
  }, 120_000);

  it.each([
    ["refuses", "snapshot: no such file; put one there"],
    ["throws", "TypeError: an error that nobody foresaw"],
    ["rejects", "TypeError: out of an output"],
    ["fails", "no such disk (exit status 7)"],
    ["exits", "the program ended early, with exit status 1; nothing was deleted"],
  ])(
    "that %s tells it as in a process of its own, and the next run is good",
    async (mode, message) => {
      const { startProgram, pids } = kept();
      const stack = await testStack("function");
      const inOne = (await (await testStack("function")).engine({ mode }).up()).failures;

      const { ok, failures } = await stack.engine({ mode }, { startProgram }).up();

      expect(ok).toBe(false);
      expect(failures.map((each) => each.message)).toEqual([expect.stringContaining(message)]);
      expect(failures.map(comparable)).toEqual(inOne.map(comparable));
      const next = stack.engine({ mode: "ends" }, { startProgram });
      expect((await next.up()).failures).toEqual([]);
      expect(pids[0]).not.toBe(pids[1]);
    },
    120_000,
  );

  it("ends when it is interrupted, and the next run is good", async () => {
    const { startProgram, pids } = kept();
    const stack = await testStack("function");
    const stop = new AbortController();
    const run = stack.engine({ mode: "sleeps" }, { startProgram, signal: stop.signal }).up();
    await until("the command to run", () => fs.existsSync(stack.log));
    stop.abort();
    expect((await run).failures.map(({ kind }) => kind)).toContain("interrupted");
    expect(isAlive(pids[0] ?? 0)).toBe(false);
    const next = stack.engine({ mode: "ends" }, { startProgram });
    expect((await next.up()).ok).toBe(true);
    expect(fs.existsSync(stackFiles(stack.workDir, "test").lock)).toBe(false);
  }, 120_000);

  it("does not keep its engine's process from ending, and ends with it", async () => {
    const stack = await testStack("function");
    const options = { ...stack.options, config: { mode: "ends", log: stack.log } };
    const engine = path.join(__dirname, "..", "..", "..", "engine", "embedded");
    const code = `
      const { embeddedEngine } = require(${JSON.stringify(path.join(engine, "embedded-engine.ts"))});
      const { startKept } = require(${JSON.stringify(path.join(engine, "start-kept.ts"))});
      const engine = embeddedEngine({ ...${JSON.stringify(options)}, startProgram: startKept() });
      engine.up().then(async () => console.log(JSON.stringify(await engine.outputs())));`;
    const child = spawn(process.execPath, ["--require", TYPESCRIPT, "--eval", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
    const code0 = await new Promise((resolve) => child.on("close", resolve));
    expect(code0).toBe(0);
    const { pid } = JSON.parse(printed) as { pid: { value: number } };
    expect(pid.value).toBeGreaterThan(0);
    await until("the program's process to end", () => !isAlive(pid.value));
  }, 120_000);
});
