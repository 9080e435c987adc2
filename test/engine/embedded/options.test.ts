import { describe, expect, it } from "vitest";
import { secret, UNKNOWN } from "../../../engine/embedded/values";
import { fakeStack, GROUP, THING, thingUrn, type Register } from "./fake-stack";

/** `b` is made of an output of `a`. */
const ofA = { dependencies: [thingUrn("a")], propertyDependencies: { from: [thingUrn("a")] } };

describe("the options of a resource", () => {
  it("deletedWith: is not deleted when that goes, and is deleted when only it goes", async () => {
    const stack = await fakeStack();
    const both = async (register: Register): Promise<void> => {
      await register("machine");
      await register("file", { deletedWith: thingUrn("machine") });
    };
    await stack.up(both);
    stack.done();
    await stack.up((register) => register("machine"));
    expect(stack.done()).toEqual(["delete file"]);

    await stack.up(both);
    stack.done();
    await stack.destroy();
    expect(stack.done()).toEqual(["delete machine"]);
  });

  it("ignoreChanges: keeps the old value, also inside of objects, and does nothing", async () => {
    const stack = await fakeStack();
    const program = (image: string, size: number) => (register: Register) =>
      register("a", {
        inputs: { image, nested: { image, size } },
        ignoreChanges: ["image", "nested.image"],
      });
    await stack.up(program("old", 1));
    stack.done();

    expect((await stack.up(program("new", 1))).changes).toEqual({ same: 1 });
    expect((await stack.up(program("new", 2))).changes).toEqual({ update: 1 });
    const [thing] = (await stack.resources()).filter(({ type }) => type === THING);
    expect(thing?.inputs).toEqual({ image: "old", nested: { image: "old", size: 2 } });
  });

  it("replaceOnChanges: makes a new one, by a pattern with a star", async () => {
    const stack = await fakeStack();
    const program = (trigger: string) => (register: Register) =>
      register("a", { inputs: { list: ["same", trigger] }, replaceOnChanges: ["list[*]"] });
    await stack.up(program("one"));
    stack.done();

    expect((await stack.up(program("two"))).changes).toEqual({ replace: 1 });
    expect(stack.done()).toEqual(["create a", "delete a"]);
  });

  it("deleteBeforeReplace: takes along what is made of it and cannot be updated, and leaves the others", async () => {
    const stack = await fakeStack();
    const program = (kind: string) => async (register: Register) => {
      await register("a", { inputs: { kind }, deleteBeforeReplace: true });
      await register("b", {
        inputs: { from: kind, kind },
        propertyDependencies: { kind: [thingUrn("a")] },
      });
      await register("c", { inputs: { from: kind }, ...ofA });
      await register("d", { dependencies: [thingUrn("a")] });
    };
    await stack.up(program("one"));
    stack.done();

    expect((await stack.up(program("two"))).changes).toEqual({ replace: 2, update: 1, same: 1 });
    expect(stack.done()).toEqual(["delete b", "delete a", "create a", "create b", "update c"]);
  });

  it("deleteBeforeReplace: goes on after a failure without deleting a second time", async () => {
    let fails = false;
    const stack = await fakeStack((step) =>
      fails && step === "create a" ? Promise.reject(new Error("no room")) : Promise.resolve(),
    );
    const program = (kind: string) => (register: Register) =>
      register("a", { inputs: { kind }, deleteBeforeReplace: true });
    await stack.up(program("one"));
    stack.done();
    fails = true;
    expect((await stack.up(program("two"))).failures).toEqual([
      { urn: thingUrn("a"), message: "no room" },
    ]);
    expect(stack.done()).toEqual(["delete a", "create a"]);
    fails = false;

    expect(await stack.up(program("two"))).toMatchObject({ ok: true, changes: { replace: 1 } });
    expect(stack.done()).toEqual(["create a"]);
  });

  it("additionalSecretOutputs: marks the output as secret in the program and in the state", async () => {
    const stack = await fakeStack();
    let seen: unknown;
    await stack.up(async (register) => {
      seen = (await register("a", { additionalSecretOutputs: ["made"] })).outputs.made;
    });

    expect(seen).toEqual(secret("made-of-a"));
    const [thing] = (await stack.resources()).filter(({ type }) => type === THING);
    expect(thing?.outputs?.made).toEqual(secret("made-of-a"));
  });

  it("two resources of one type and name are refused", async () => {
    const stack = await fakeStack();
    const result = await stack.up(async (register) => {
      await register("a");
      await register("a");
    });
    expect(result.failures[0]?.message).toContain("two resources of this type have this name");
  });

  it("the same name under two parents is two resources", async () => {
    const stack = await fakeStack();
    await stack.up(async (register) => {
      const one = await register("one", { type: GROUP, custom: false });
      const two = await register("two", { type: "fake:index:Other", custom: false });
      await register("a", { parent: one.urn });
      await register("a", { parent: two.urn });
    });
    expect(stack.done()).toEqual(["create a", "create a"]);
  });

  it("what this engine does not do is refused by name", async () => {
    const stack = await fakeStack();
    const imported = await stack.up((register) =>
      register("a", { unsupported: ["the option `import`"] }),
    );
    expect(imported.failures[0]?.message).toContain("does not do the option `import`");
    const foreign = await stack.up((register) => register("a", { type: "aws:s3:Bucket" }));
    expect(foreign.failures[0]?.message).toContain(`cannot make aws:s3:Bucket, only ${THING}`);
  });
});

describe("a preview", () => {
  it("follows unknown values through the program and writes nothing", async () => {
    const stack = await fakeStack();
    const fs = await import("node:fs");
    const result = await stack.preview(async (register) => {
      const a = await register("a");
      expect(a).toMatchObject({ id: "", outputs: { made: UNKNOWN } });
      await register("b", { inputs: { from: a.outputs.made ?? null }, ...ofA });
    });
    expect(result).toMatchObject({ ok: true, changes: { create: 2 } });
    expect(fs.existsSync(stack.options.workDir)).toBe(false);
  });

  it("tells updates, replacements and deletes of what is there, and leaves it", async () => {
    const stack = await fakeStack();
    const program = (kind: string, size: number, all: boolean) => async (register: Register) => {
      await register("a", { inputs: { kind } });
      await register("b", { inputs: { size } });
      if (all) await register("c");
    };
    await stack.up(program("one", 1, true));
    const before = await stack.resources();
    stack.done();

    expect((await stack.preview(program("two", 2, false))).changes).toEqual({
      replace: 1,
      update: 1,
      delete: 1,
    });
    expect(stack.done()).toEqual([]);
    expect(await stack.resources()).toEqual(before);
  });
});
