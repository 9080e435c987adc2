import * as crypto from "node:crypto";
import { expect, it } from "vitest";
import { embeddedEngine } from "../../../engine/embedded/embedded-engine";
import type { ResourceTypes } from "../../../engine/embedded/resource-type";
import type { Properties } from "../../../engine/embedded/values";
import { nameOf } from "../../../engine/embedded/urn";
import { testStack } from "../support";

const sha256 = (text: string): string => crypto.createHash("sha256").update(text).digest("hex");

it("other types and functions can be plugged in, with assets and references to resources", async () => {
  const { options } = await testStack("plugged");
  const created: Properties[] = [];
  const deleted: string[] = [];
  const asked: unknown[] = [];
  const types: ResourceTypes = {
    resources: {
      "fake:index:Thing": {
        outputs: ["address"],
        create: (name, inputs) => {
          created.push(inputs);
          return Promise.resolve({
            id: `${name}-id`,
            outputs: { ...inputs, address: "192.0.2.7" },
          });
        },
        delete: (id) => {
          deleted.push(id);
          return Promise.resolve();
        },
      },
    },
    functions: {
      "fake:index:getImage": (args) => {
        asked.push(args);
        return Promise.resolve({ id: "image-7" });
      },
    },
  };
  const engine = embeddedEngine(options, types);

  const previewed = await engine.preview();
  expect(previewed).toMatchObject({ ok: true, changes: { create: 3 } });
  expect(created).toEqual([]);

  const result = await engine.up();

  expect(result.failures).toEqual([]);
  expect(asked.at(-1)).toEqual({ name: "debian" });
  const [thing, second] = created;
  expect(thing).toMatchObject({
    image: "image-7",
    file: { path: "file.txt", hash: sha256("content of a file\n") },
    text: { text: "text", hash: sha256("text") },
  });
  expect(second).toMatchObject({ on: "thing-id" });
  const { address, whole } = await engine.outputs();
  expect(address).toEqual({ value: "192.0.2.7", secret: false });
  expect(nameOf(String(whole?.value))).toBe("second");

  expect((await engine.up()).changes).toEqual({ same: 3 });
  expect((await engine.destroy()).changes).toEqual({ delete: 3 });
  expect(deleted, "the second one goes with the first").toEqual(["thing-id"]);
}, 120_000);

it("says of look-ups that fail together what each was told, and nothing of how the program then ends", async () => {
  const { options } = await testStack("lookups");
  const asked = createBarrier(5);
  const fail = async (what: string) => {
    await asked();
    throw new Error(`there is no ${what}`);
  };
  const engine = embeddedEngine(options, {
    resources: { "fake:index:Thing": { outputs: [], create: (name) => fail(name) } },
    functions: {
      "fake:index:lookUp": ({ name }) => fail(typeof name === "string" ? name : "name"),
    },
  });

  const { ok, failures } = await engine.up();

  expect(ok).toBe(false);
  expect(failures.length).toBeGreaterThan(0);
  for (const { message } of failures) expect(message).toMatch(/there is no \w+/);
  expect(failures.map(({ message }) => message).join()).not.toMatch(/Channel/);
});

/**
 * A function whose calls all end when the last of so many has come. On a machine that is busy the program may be ended by the
 * first failure of another kind before it asks for all: then they end after a while.
 */
function createBarrier(calls: number): () => Promise<void> {
  const waiting: (() => void)[] = [];
  const open = () => {
    waiting.forEach((go) => {
      go();
    });
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === calls) open();
      else if (waiting.length === 1) setTimeout(open, 10_000);
    });
}
