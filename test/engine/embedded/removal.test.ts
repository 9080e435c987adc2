import { expect, it } from "vitest";
import { nameOf } from "../../../engine/embedded/urn";
import { fakeStack, GROUP, thingUrn, type FakeStack, type Register } from "./fake-stack";

/** `base`, and on it `left` and `right`. */
async function fork(register: Register): Promise<void> {
  await register("base");
  await Promise.all(
    ["left", "right"].map((name) => register(name, { dependencies: [thingUrn("base")] })),
  );
}

async function names(stack: FakeStack): Promise<readonly string[]> {
  return (await stack.resources()).map(({ urn }) => nameOf(urn));
}

it("what does not depend on each other is deleted at the same time, what it depends on afterwards", async () => {
  let running = 0;
  let most = 0;
  const stack = await fakeStack(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 100));
    running -= 1;
  });
  await stack.up(fork);
  stack.done();
  most = 0;

  expect((await stack.destroy()).changes).toEqual({ delete: 3 });

  expect(most).toBe(2);
  expect(stack.done().at(-1)).toBe("delete base");
});

it("a delete that fails keeps the resource and all that it depends on, and the next run goes on", async () => {
  let fails = true;
  const stack = await fakeStack((step) =>
    fails && step === "delete left" ? Promise.reject(new Error("in use")) : Promise.resolve(),
  );
  await stack.up(fork);
  stack.done();

  const failed = await stack.destroy();
  expect(failed.failures).toEqual([{ urn: thingUrn("left"), message: "in use" }]);
  expect(stack.done()).not.toContain("delete base");
  expect(await names(stack)).toEqual(expect.arrayContaining(["base", "left"]));

  fails = false;
  expect((await stack.destroy()).ok).toBe(true);
  expect(stack.done()).toEqual(["delete left", "delete base"]);
});

it("what was replaced and could not be deleted is deleted by the next run", async () => {
  let fails = true;
  const stack = await fakeStack((step) =>
    fails && step === "delete a" ? Promise.reject(new Error("in use")) : Promise.resolve(),
  );
  const program = (kind: string) => (register: Register) => register("a", { inputs: { kind } });
  await stack.up(program("one"));
  expect((await stack.up(program("two"))).ok).toBe(false);
  expect((await stack.resources()).map(({ delete: doomed }) => doomed ?? false)).toEqual([
    false,
    false,
    true,
  ]);
  stack.done();

  fails = false;
  expect(await stack.up(program("two"))).toMatchObject({ ok: true, changes: { same: 1 } });
  expect(stack.done()).toEqual(["delete a"]);
  expect(await names(stack)).toEqual(["default", "a"]);
});

it("a parent goes after its children, and is nothing that could be deleted itself", async () => {
  const stack = await fakeStack();
  await stack.up(async (register) => {
    const group = await register("group", { type: GROUP, custom: false });
    await register("child", { parent: group.urn });
  });
  stack.done();
  expect((await stack.destroy()).changes).toEqual({ delete: 2 });
  expect(stack.done()).toEqual(["delete child"]);
});

it("a stack that was never made is destroyed without a trace", async () => {
  const stack = await fakeStack();
  const fs = await import("node:fs");
  expect(await stack.destroy()).toMatchObject({ ok: true, changes: {}, failures: [] });
  expect(fs.existsSync(stack.options.workDir)).toBe(false);
});
