/** Commands as the command provider runs them; against the real provider they run in acceptance.test.ts with ENGINE=pulumi. */
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { localCommand } from "../../../engine/embedded/local-command";
import { identityOf } from "../../../engine/embedded/processes";
import type { StepContext } from "../../../engine/embedded/resource-type";
import type { Properties } from "../../../engine/embedded/values";
import { temporaryDirectory } from "../../support/temporary";
import { until } from "../support";

async function command(more: Partial<StepContext> = {}) {
  const projectDir = await temporaryDirectory();
  const said: string[] = [];
  const context: StepContext = {
    projectDir,
    urn: "urn",
    signal: new AbortController().signal,
    secretOutputs: [],
    say: (line) => said.push(line),
    processStarted: () => undefined,
    processEnded: () => undefined,
    ...more,
  };
  const create = async (inputs: Properties) =>
    (await localCommand.create("name", inputs, context)).outputs;
  return { projectDir, said, context, create };
}

describe("a command", () => {
  it("runs in the program's folder, or in one relative to it, with its environment and input", async () => {
    const { projectDir, create } = await command();
    fs.mkdirSync(path.join(projectDir, "sub"));
    expect(await create({ create: "pwd" })).toMatchObject({ stdout: projectDir, stderr: "" });
    expect(await create({ create: "pwd", dir: "sub" })).toMatchObject({
      stdout: `${projectDir}/sub`,
    });
    const outputs = await create({
      create: 'cat; echo "$WORD"; echo aside >&2',
      stdin: "in ",
      environment: { WORD: "x" },
    });
    expect(outputs).toMatchObject({ stdout: "in x", stderr: "aside" });
  });

  it("loses one newline at the end of its output and no more", async () => {
    const { create } = await command();
    expect(await create({ create: "printf 'a\\n\\n'" })).toMatchObject({ stdout: "a\n" });
  });

  it("is run by another interpreter if one is given", async () => {
    const { create } = await command();
    const interpreter = [process.execPath, "-e"];
    expect(await create({ create: "console.log(6 * 7)", interpreter })).toMatchObject({
      stdout: "42",
    });
  });

  it("gets its previous output on update and delete, unless that is not wanted", async () => {
    const { projectDir, context } = await command();
    const olds = { stdout: "out", stderr: "err" };
    const update = 'echo "[$PULUMI_COMMAND_STDOUT,$PULUMI_COMMAND_STDERR]"';
    const updated = (inputs: Properties) => localCommand.update?.("id", olds, inputs, context);
    expect(await updated({ update })).toMatchObject({ stdout: "[out,err]" });
    expect(await updated({ create: update })).toMatchObject({ stdout: "[out,err]" });
    expect(await updated({ update, addPreviousOutputInEnv: false })).toMatchObject({
      stdout: "[,]",
    });
    expect(await updated({ delete: "true" })).toMatchObject(olds);

    await localCommand.delete?.(
      "id",
      { ...olds, delete: 'echo "$PULUMI_COMMAND_STDOUT" > gone' },
      context,
    );
    expect(fs.readFileSync(path.join(projectDir, "gone"), "utf8")).toBe("out\n");
    await expect(localCommand.delete?.("id", olds, context)).resolves.toBeUndefined();
  });

  it("that fails says what it said and how it ended, in short", async () => {
    const { create } = await command();
    await expect(create({ create: "echo no such file >&2; exit 2" })).rejects.toThrow(
      "no such file (exit status 2)",
    );
    await expect(create({ create: "echo only here; exit 1" })).rejects.toThrow(
      "only here (exit status 1)",
    );
    await expect(create({ create: "exit 7" })).rejects.toThrow(
      "the command ended with exit status 7 and did not say why",
    );
    await expect(create({ create: "kill -KILL $$" })).rejects.toThrow("ended with signal SIGKILL");
    const long = create({ create: "seq 1 1000 >&2; exit 3" });
    await expect(long).rejects.toThrow(
      /^\(the last 20 of 1000 lines\)\n981\n[\d\n]*1000\n\(exit status 3\)$/,
    );
    await expect(create({ create: "true", dir: "nowhere" })).rejects.toThrow(
      /cannot run \/bin\/sh in .*nowhere/,
    );
  });

  it("that fails does not give away what was not to be logged or is secret", async () => {
    const { create } = await command();
    const create1 = "echo the key; exit 1";
    await expect(create({ create: create1, logging: "none" })).rejects.toThrow(
      /^the command ended with exit status 1/,
    );
    await expect(create({ create: create1, logging: "stderr" })).rejects.toThrow(
      /^the command ended with exit status 1/,
    );
    const hidden = await command({ secretOutputs: ["stdout", "stderr"] });
    await expect(hidden.create({ create: `echo the key >&2; ${create1}` })).rejects.toThrow(
      /^the command ended with exit status 1/,
    );
  });

  it("shows live what it logs and what is no secret", async () => {
    const loud = 'echo "to stdout"; echo "to stderr" >&2';
    for (const [logging, expected] of [
      ["stdoutAndStderr", ["to stderr", "to stdout"]],
      ["stdout", ["to stdout"]],
      ["stderr", ["to stderr"]],
      ["none", []],
    ] as const) {
      const { create, said } = await command();
      await create({ create: loud, logging });
      expect(said.sort(), logging).toEqual(expected);
    }
    const { create, said } = await command({ secretOutputs: ["stdout"] });
    await create({ create: loud });
    expect(said).toEqual(["to stderr"]);
  });

  it("that takes what this engine does not do is refused", () => {
    expect(() => localCommand.check?.({ assetPaths: ["*"] }, "name")).toThrow(
      "does not do assetPaths",
    );
  });

  it("that is interrupted is stopped with all its children, by force if it will not go", async () => {
    const controller = new AbortController();
    const { projectDir, create } = await command({ signal: controller.signal });
    const pidFile = path.join(projectDir, "pid");
    const stubborn = create({
      create: `trap '' TERM; sleep 60 & echo $! > ${pidFile}; wait; sleep 60`,
    });
    const failed = expect(stubborn).rejects.toThrow("interrupted");
    await until(
      "the command's child",
      () => fs.existsSync(pidFile) && fs.statSync(pidFile).size > 0,
    );

    controller.abort();
    await failed;

    expect(identityOf(Number(fs.readFileSync(pidFile, "utf8")))).toBeUndefined();
  });
});
