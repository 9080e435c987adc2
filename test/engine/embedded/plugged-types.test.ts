import * as crypto from "node:crypto";
import { expect, it } from "vitest";
import { embeddedEngine } from "../../../engine/embedded/embedded-engine";
import type { ResourceTypes } from "../../../engine/embedded/resource-type";
import type { Properties } from "../../../engine/embedded/values";
import { nameOf } from "../../../engine/embedded/urn";
import { testStack } from "../support";

const sha256 = (text: string): string => crypto.createHash("sha256").update(text).digest("hex");

it("other types and functions can be plugged in, with providers, assets and references to resources", async () => {
  const { options } = await testStack("plugged");
  const created: Properties[] = [];
  const deleted: string[] = [];
  const asked: unknown[] = [];
  const types: ResourceTypes = {
    resources: {
      "fake:index:Thing": {
        outputs: ["address"],
        create: (name, inputs, { provider }) => {
          created.push({ ...inputs, provider });
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
      "fake:index:getImage": (args, { provider }) => {
        asked.push({ ...args, provider });
        return Promise.resolve({ id: "image-7" });
      },
    },
  };
  const engine = embeddedEngine(options, types);

  const previewed = await engine.preview();
  expect(previewed).toMatchObject({ ok: true, changes: { create: 4 } });
  expect(created).toEqual([]);

  const result = await engine.up();

  expect(result.failures).toEqual([]);
  const provider = { token: "t0ken-of-the-cloud" };
  expect(asked.at(-1)).toEqual({ name: "debian", provider });
  const [thing, second] = created;
  expect(thing).toMatchObject({
    image: "image-7",
    file: { path: "file.txt", hash: sha256("content of a file\n") },
    text: { text: "text", hash: sha256("text") },
    provider,
  });
  expect(second).toMatchObject({ on: { id: "thing-id" } });
  const { address, whole } = await engine.outputs();
  expect(address).toEqual({ value: "192.0.2.7", secret: false });
  expect(nameOf(String(whole?.value))).toBe("second");

  expect((await engine.up()).changes).toEqual({ same: 4 });
  expect((await engine.destroy()).changes).toEqual({ delete: 4 });
  expect(deleted, "the second one goes with the first").toEqual(["thing-id"]);
}, 120_000);
