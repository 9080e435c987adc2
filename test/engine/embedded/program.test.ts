/** Programs that end or ask in odd ways, run for real. */
import * as os from "node:os";
import * as path from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { stackFiles } from "../../../engine/embedded/files";
import { readState } from "../../../engine/embedded/state-file";
import { nameOf } from "../../../engine/embedded/urn";
import { socketFolders, stderrOf, testStack } from "../support";

describe("a program", () => {
  it("that ends with exit(0) before it is done deletes nothing and is no success", async () => {
    const stack = await testStack("odd");
    expect((await stack.engine({ mode: "one" }).up()).ok).toBe(true);
    expect(stack.noted()).toEqual(["create-one"]);

    const result = await stack.engine({ mode: "exits" }).up();

    expect(result.ok).toBe(false);
    expect(result.failures[0]?.message).toContain(
      "the program ended early, with exit status 0; nothing was deleted",
    );
    expect(stack.noted(), "one is kept").toEqual(["create-two"]);
    const state = readState(stackFiles(stack.workDir, "test").state);
    expect(state?.resources.map(({ urn }) => nameOf(urn))).toEqual(
      expect.arrayContaining(["one", "two"]),
    );
  }, 120_000);

  it("that throws tells its error at once, without a stack in the failure, and keeps what it made", async () => {
    const stack = await testStack("odd");
    const since = Date.now();
    const result = await stack.engine({ mode: "throws" }).up();

    expect(Date.now() - since, "Node 20 hangs on colouring the stack").toBeLessThan(25_000);
    expect(result.failures).toHaveLength(1);
    expect(result.failures[0]?.urn).toBeUndefined();
    expect(result.failures[0]?.message).toContain("TypeError: an error that nobody foresaw");
    expect(result.failures[0]?.message).not.toMatch(/^\s+at /m);
  }, 120_000);

  it("never sees a secret of its in the output; lines of any length pass, and what is not logged is not shown", async () => {
    const stack = await testStack("odd");
    const output = await stderrOf(async () => {
      const result = await stack.engine({ mode: "prints" }, { progress: "lines" }).up();
      expect(result.ok).toBe(true);
    });

    expect(output).not.toContain("open-sesame");
    expect(output).toContain("the word is [secret]");
    expect(output).toContain("warning: be careful with [secret]");
    expect(output).toContain("loud | [secret]");
    expect(output).toContain("(200000 characters)");
    expect(output).not.toContain("debug");
    expect(output).not.toContain("not to be seen");
  }, 120_000);

  it("gets its settings, which may be secret, by no environment that others can read", async () => {
    const stack = await testStack("odd");
    const result = await stack.engine({ mode: "environment" }).up();
    expect(result.failures).toEqual([]);
    expect(stack.noted()).toEqual(["create-one"]);
  }, 120_000);

  it("that reads what others have made is told that this engine cannot", async () => {
    const stack = await testStack("odd");
    const result = await stack.engine({ mode: "reads" }).up();
    expect(result.failures[0]?.message).toContain("cannot read what others have made");
  }, 120_000);

  it("with many commands gets so many at one time and no more", async () => {
    const stack = await testStack("odd");
    expect((await stack.engine({ mode: "many" }).up()).changes).toEqual({ create: 41 });

    let now = 0;
    const counts = stack.noted().map((sign) => (now += sign === "+" ? 1 : -1));
    expect(counts).toHaveLength(80);
    expect(Math.max(...counts)).toBeGreaterThan(1);
    expect(Math.max(...counts)).toBeLessThanOrEqual(4 * os.availableParallelism());
  }, 120_000);

  it.each([
    ["aliases", "the option `aliases`"],
    ["protect", "the option `protect`"],
    ["retainOnDelete", "the option `retainOnDelete`"],
    ["import", "the option `import`"],
    ["provider", "explicit providers"],
  ])(
    "that uses %s is told by that name that the CLI does it, and nothing is made",
    async (mode, name) => {
      const stack = await testStack("odd");

      const { ok, failures } = await stack.engine({ mode }).up();

      expect(ok).toBe(false);
      expect(failures.map(({ message }) => message)).toEqual([
        `the embedded engine does not do ${name}; use the Pulumi CLI`,
      ]);
      expect(stack.noted()).toEqual([]);
    },
    120_000,
  );

  it("leaves no folder of a socket behind", async () => {
    const stack = await testStack("odd");
    vi.stubEnv("TMPDIR", path.dirname(stack.log));
    onTestFinished(() => void vi.unstubAllEnvs());
    expect((await stack.engine({ mode: "one" }).preview()).ok).toBe(true);
    expect(socketFolders(path.dirname(stack.log))).toEqual([]);
  }, 120_000);
});
