/** Ctrl-C, kill -9 and two runs at once, with real processes. */
import { spawn, type ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { stackFiles } from "../../../engine/embedded/files";
import { identityOf } from "../../../engine/embedded/processes";
import { readState } from "../../../engine/embedded/state-file";
import { nameOf } from "../../../engine/embedded/urn";
import { TYPESCRIPT } from "../../support/typescript";
import { socketFolders, stderrOf, testStack, until, type TestStack } from "../support";
import { fakeStack, thingUrn, type Register } from "./fake-stack";

/** Starts the engine in a process of its own; `output` grows with what it says on stderr, `result` comes from stdout. */
function startUp(stack: TestStack, config: Readonly<Record<string, string>>) {
  const options = { ...stack.options, progress: "lines", config: { log: stack.log, ...config } };
  const child = spawn(
    process.execPath,
    ["--require", TYPESCRIPT, path.join(__dirname, "run-engine.ts"), "up", JSON.stringify(options)],
    {
      env: { ...process.env, TMPDIR: path.dirname(stack.log) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const ended = new Promise<void>((resolve) =>
    child.on("close", () => {
      resolve();
    }),
  );
  return { child, said, ended };
}

/** Resolves when the fourth command of the chain is running, with its pid. */
async function fourthRuns(stack: TestStack, child: ChildProcess): Promise<number> {
  const file = `${stack.log}.pid`;
  await until("the fourth command to run", () => {
    if (child.exitCode !== null) throw new Error("the engine has ended");
    return fs.existsSync(file) && fs.readFileSync(file, "utf8").endsWith("\n");
  });
  const pid = Number(fs.readFileSync(file, "utf8"));
  fs.rmSync(file);
  return pid;
}

function names(stack: TestStack): readonly string[] {
  const state = readState(stackFiles(stack.workDir, "test").state);
  return (state?.resources ?? []).map(({ urn }) => nameOf(urn));
}

function pending(stack: TestStack): readonly string[] {
  const state = readState(stackFiles(stack.workDir, "test").state);
  return (state?.pending ?? []).map(({ type, resource }) => `${type} ${nameOf(resource.urn)}`);
}

describe("an interrupted run", () => {
  it("stops the command that runs, keeps what was made, and the next run says so and goes on", async () => {
    const stack = await testStack("chain");
    const { child, said, ended } = startUp(stack, { sleep: "60" });
    const pid = await fourthRuns(stack, child);

    const since = Date.now();
    child.kill("SIGINT");
    await ended;

    expect(Date.now() - since).toBeLessThan(15_000);
    const result = JSON.parse(said.stdout) as { ok: boolean; failures: { message: string }[] };
    expect(result.ok).toBe(false);
    expect(result.failures[0]?.message).toContain("interrupted");
    expect(identityOf(pid), "the command's shell").toBeUndefined();
    expect(names(stack)).toEqual(expect.arrayContaining(["first", "second", "third"]));
    expect(names(stack)).not.toContain("fourth");
    expect(pending(stack)).toEqual(["creating fourth"]);
    expect(fs.existsSync(stackFiles(stack.workDir, "test").lock)).toBe(false);
    expect(socketFolders(path.dirname(stack.log))).toEqual([]);

    stack.noted();
    const output = await stderrOf(async () => {
      const next = await stack.engine({}, { progress: "lines" }).up();
      expect(next).toMatchObject({ ok: true, changes: { create: 2 } });
    });
    expect(output).toContain("fourth: an earlier run was cut off while creating it");
    expect(stack.noted()).toEqual(["create-fourth", "create-fifth"]);
    expect(pending(stack)).toEqual([]);
  }, 180_000);

  it("after kill -9 nothing is refused, nothing runs twice at once, and nothing is lost", async () => {
    const stack = await testStack("chain");
    const { child, ended } = startUp(stack, { sleep: "60" });
    const pid = await fourthRuns(stack, child);
    const orphan = identityOf(pid);
    const lock = stackFiles(stack.workDir, "test").lock;
    const { groups } = JSON.parse(fs.readFileSync(lock, "utf8")) as { groups: { pid: number }[] };
    child.kill("SIGKILL");
    await ended;
    expect(orphan, "a command outlives its engine").toBeDefined();
    expect(fs.existsSync(lock)).toBe(true);
    stack.noted();

    const next = await stack.engine().up();

    expect(next).toMatchObject({ ok: true, changes: { create: 2 } });
    expect(stack.noted()).toEqual(["create-fourth", "create-fifth"]);
    for (const group of groups)
      expect(identityOf(group.pid), `process ${group.pid}`).toBeUndefined();
    expect(fs.existsSync(lock)).toBe(false);
    expect(socketFolders(path.dirname(stack.log)), "removed by the orphaned program").toEqual([]);
  }, 180_000);

  it("a second run at the same time is refused, and told who is at it", async () => {
    const stack = await testStack("chain");
    const { child, said, ended } = startUp(stack, { sleep: "60" });
    await fourthRuns(stack, child);

    await expect(stack.engine().up()).rejects.toThrow(
      new RegExp(`the stack is in use: process ${child.pid} has been at "up" since 20`),
    );
    await expect(stack.engine().destroy()).rejects.toThrow("the stack is in use");

    child.kill("SIGINT");
    await ended;
    expect(said.stdout).toContain("interrupted");
  }, 180_000);

  it("a program that hangs is ended", async () => {
    const stack = await testStack("odd");
    const controller = new AbortController();
    const run = stack.engine({ mode: "hangs" }, { signal: controller.signal }).up();
    await until("the program's command to be kept", () => names(stack).includes("one"));

    controller.abort();

    expect(await run).toMatchObject({ ok: false });
    expect(names(stack)).toContain("one");
  }, 120_000);

  it("with a signal that is aborted already nothing is begun", async () => {
    const stack = await fakeStack();
    const result = await stack.up((register) => register("a"), AbortSignal.abort());
    expect(result.ok).toBe(false);
    expect(stack.done()).toEqual([]);
  });
});

describe("a create that was cut off", () => {
  /** A stack in which the making of `a` was interrupted. */
  async function cutOff(repeatable: boolean) {
    const controller = new AbortController();
    const stack = await fakeStack(
      async (step, signal) => {
        if (step !== "create a" || controller.signal.aborted) return;
        controller.abort();
        await Promise.resolve();
        if (signal.aborted) throw new Error("interrupted");
      },
      { repeatable },
    );
    await stack.up(
      (register) => register("a", { inputs: { name: "a", size: 1 } }),
      controller.signal,
    );
    expect(stack.done()).toEqual(["create a"]);
    return stack;
  }

  it("leaves nothing behind: to destroy deletes what it may have made", async () => {
    const stack = await cutOff(true);
    expect((await stack.destroy()).ok).toBe(true);
    expect(stack.done()).toEqual(["delete a"]);
    expect((await stack.destroy()).ok).toBe(true);
    expect(stack.done()).toEqual([]);
  });

  it("is deleted, too, when the program no longer wants it", async () => {
    const stack = await cutOff(true);
    expect((await stack.up((register) => register("b"))).ok).toBe(true);
    expect(stack.done()).toEqual(["create b", "delete a"]);
    expect((await stack.up((register) => register("b"))).changes).toEqual({ same: 1 });
    expect(stack.done()).toEqual([]);
  });

  it("is told about when it cannot be deleted without its id, and refuses nothing", async () => {
    const stack = await cutOff(false);
    expect((await stack.destroy()).ok).toBe(true);
    expect(stack.done()).toEqual([]);
  });
});

it("an update that was cut off is done again, even if the program has nothing new", async () => {
  const controller = new AbortController();
  const stack = await fakeStack(async (step) => {
    if (step !== "update a" || controller.signal.aborted) return;
    controller.abort();
    await Promise.reject(new Error("interrupted"));
  });
  const program = (size: number) => (register: Register) => register("a", { inputs: { size } });
  await stack.up(program(1));
  await stack.up(program(2), controller.signal);
  stack.done();

  expect((await stack.up(program(1))).changes).toEqual({ update: 1 });
  expect(stack.done()).toEqual(["update a"]);
  expect((await stack.up(program(1))).changes).toEqual({ same: 1 });
});

it("after a failure nothing more is begun, what runs comes to its end, and it is told what was left", async () => {
  const stack = await fakeStack(async (step) => {
    if (step === "create fails") throw new Error("no such luck");
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  const result = await stack.up(async (register) => {
    const slow = register("slow");
    const fails = register("fails");
    await fails.catch(() => register("late"));
    await slow;
  });

  expect(result.failures).toEqual([{ urn: thingUrn("fails"), message: "no such luck" }]);
  expect(stack.done()).toEqual(["create slow", "create fails"]);
  expect((await stack.resources()).map(({ urn }) => nameOf(urn))).toEqual(["default", "slow"]);
});
