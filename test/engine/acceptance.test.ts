/**
 * What every engine does with a program. `ENGINE=pulumi` runs it with the Pulumi CLI and the real command provider.
 * Not proved here: clouds, and stacks that several people share.
 */
import { describe, expect, it } from "vitest";
import { findPulumiCli } from "../../engine/pulumi-cli/find-cli";
import { testStack } from "./support";
import { timeLimit } from "../support/time-limit.cjs";

const wantsPulumi = process.env.ENGINE === "pulumi";
const engines = wantsPulumi ? (["embedded", "pulumi"] as const) : (["embedded"] as const);

describe("the Pulumi CLI", () => {
  it.skipIf(!wantsPulumi)("is there, since ENGINE=pulumi asks for it", () => {
    expect(findPulumiCli()).toBeDefined();
  });
});

describe.each(engines)("the %s engine", (name) => {
  it(
    "takes a stack through its life: every step once, in order, and nothing left",
    async () => {
      const stack = await testStack("chain", name);

      const previewed = await stack.engine().preview();
      expect(previewed).toMatchObject({ ok: true, changes: { create: 7 }, failures: [] });
      expect(stack.noted(), "a preview runs nothing").toEqual([]);
      expect(await stack.engine().outputs()).toEqual({});

      expect(await stack.engine().up()).toMatchObject({ ok: true, changes: { create: 7 } });
      expect(stack.noted()).toEqual([
        "create-first",
        "create-second",
        "create-third-1",
        "create-fourth",
        "create-fifth",
      ]);
      expect(await stack.engine().outputs()).toEqual({
        greeting: { value: "hello", secret: false },
        last: { value: "token hunter2secret", secret: true },
        nested: { value: { password: "hunter2secret", open: 1 }, secret: true },
      });

      const again = await stack.engine().up();
      expect(again).toMatchObject({ ok: true, changes: { same: 7 } });
      expect(Object.keys(again.changes), "no other change").toEqual(["same"]);
      expect(stack.noted()).toEqual([]);

      const updated = await stack.engine({ text: "two" }).up();
      expect(updated.changes).toEqual({ same: 5, update: 2 });
      expect(stack.noted(), "update, or else create again").toEqual([
        "update-first",
        "create-second",
      ]);

      const replaced = await stack.engine({ text: "two", revision: "2" }).up();
      expect(replaced.changes).toEqual({ same: 5, replace: 2 });
      expect(stack.noted(), "new ones before the old ones go").toEqual([
        "create-third-2",
        "create-fourth",
        "delete-fourth",
        "delete-third-1",
      ]);

      const deletedFirst = await stack
        .engine({ text: "two", revision: "3", deleteFirst: "true" })
        .up();
      expect(deletedFirst.changes).toEqual({ same: 5, replace: 2 });
      expect(stack.noted(), "deleted before, dependents first").toEqual([
        "delete-fourth",
        "delete-third-2",
        "create-third-3",
        "create-fourth",
      ]);

      const dropped = await stack
        .engine({ text: "two", revision: "3", deleteFirst: "true", dropFifth: "true" })
        .up();
      expect(dropped.changes).toEqual({ same: 6, delete: 1 });
      expect(stack.noted()).toEqual(["delete-fifth"]);

      expect(await stack.engine().destroy()).toMatchObject({ ok: true, changes: { delete: 6 } });
      expect(stack.noted(), "dependents first").toEqual([
        "delete-fourth",
        "delete-third-3",
        "delete-second",
        "delete-first",
      ]);
      expect(await stack.engine().outputs()).toEqual({});
      expect(await stack.engine().destroy()).toMatchObject({ ok: true, changes: {}, failures: [] });
    },
    timeLimit(300_000),
  );

  it(
    "names the resource that failed and why, keeps the others, and goes on from there",
    async () => {
      const stack = await testStack("chain", name);

      const failed = await stack.engine({ fail: "true" }).up();
      expect(failed.ok).toBe(false);
      expect(failed.failures).toHaveLength(1);
      expect(failed.failures[0]?.urn).toMatch(/command:local:Command::fifth$/);
      expect(failed.failures[0]?.message).toBe("this is the reason (exit status 3)");
      expect(stack.noted()).toContain("create-fifth");

      expect(await stack.engine().up()).toMatchObject({
        ok: true,
        changes: { same: 6, create: 1 },
      });
      expect(stack.noted()).toEqual(["create-fifth"]);
      expect((await stack.engine().destroy()).ok).toBe(true);
    },
    timeLimit(300_000),
  );

  // With the CLI this is the program's part: test/components/program.test.ts.
  it.skipIf(name === "pulumi")(
    "keeps the outputs of the last good run when the next one fails",
    async () => {
      const stack = await testStack("chain", name);
      expect((await stack.engine().up()).ok).toBe(true);
      const before = await stack.engine().outputs();
      expect(Object.keys(before)).toHaveLength(3);

      expect((await stack.engine({ refuse: "true" }).up()).ok).toBe(false);
      expect(await stack.engine().outputs(), "refused").toEqual(before);
      expect((await stack.engine({ text: "two", fail: "true", revision: "2" }).up()).ok).toBe(
        false,
      );
      expect(await stack.engine().outputs(), "failed").toEqual(before);
      expect((await stack.engine().destroy()).ok).toBe(true);
    },
    timeLimit(300_000),
  );

  it(
    "hands on a program's refusal word for word, and makes nothing",
    async () => {
      const stack = await testStack("odd", name);

      const refused = await stack.engine({ mode: "refuses" }).up();

      expect(refused.ok).toBe(false);
      expect(refused.failures).toEqual([{ message: "snapshot: no such file; put one there" }]);
      expect((await stack.engine({ mode: "one" }).destroy()).ok).toBe(true);
    },
    timeLimit(120_000),
  );

  it(
    "leaves the user's stack file as it is",
    async () => {
      const stack = await testStack("settings", name);
      const fs = await import("node:fs");
      const file = `${stack.options.projectDir}/Pulumi.test.yaml`;
      const before = fs.readFileSync(file, "utf8");

      expect((await stack.engine({ word: "given" }).up()).ok).toBe(true);

      expect(fs.readFileSync(file, "utf8")).toBe(before);
      expect((await stack.engine().destroy()).ok).toBe(true);
    },
    timeLimit(120_000),
  );

  it(
    "gives the program its settings: given over the stack file over the defaults, lists as JSON",
    async () => {
      const stack = await testStack("settings", name);

      expect((await stack.engine({ word: "given", list: '["a","b"]' }).up()).ok).toBe(true);

      const { settings } = await stack.engine().outputs();
      expect(settings?.value).toEqual({
        word: "given",
        fromFile: "from the stack file",
        byDefault: "a default",
        list: ["a", "b"],
        listByDefault: [],
        truth: true,
        count: 7,
        project: "settings",
        stack: "test",
      });
      expect((await stack.engine().destroy()).ok).toBe(true);
    },
    timeLimit(120_000),
  );
});
