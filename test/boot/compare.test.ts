/** A list that comes in pages, held against the file. */
import { expect, it } from "vitest";
import { ApiError, type ApiClient } from "../../boot/api-client";
import { compareResource } from "../../boot/compare";
import type { StoredObject, StoredResource } from "../../boot/objects";

const SERVED = { group: "", resource: "pods", versions: ["v1"] };

/** A resource of the file: names in the namespace `shop`, each with its number as revision. */
function stored(...names: readonly string[]): StoredResource {
  const objects = names.map((name, index): [string, StoredObject] => [
    `shop/${name}`,
    { index, uid: `uid-${name}`, modRevision: index + 1, apiVersion: "v1" },
  ]);
  return { group: "", resource: "pods", objects: new Map(objects) };
}

const item = (name: string, resourceVersion: number, uid = `uid-${name}`) => ({
  metadata: { name, namespace: "shop", uid, resourceVersion: String(resourceVersion) },
});

/** Gives these pages, one after the other, and notes what it was asked for. */
function clientOf(pages: readonly (readonly object[])[], asked: string[] = []): ApiClient {
  const unused = () => Promise.reject(new Error("not to be asked"));
  return {
    ...{ once: unused, get: unused, close: () => undefined },
    json(path) {
      asked.push(path);
      const at = Number(/continue=(\d+)/.exec(path)?.[1] ?? 0);
      const items = pages[at];
      if (items === undefined) return Promise.reject(new ApiError("no such page", 410));
      const more = at + 1 < pages.length ? String(at + 1) : "";
      return Promise.resolve({ metadata: { continue: more }, items });
    },
  };
}

it("compares every page, at the revision of the backup, and names what is missing, extra, twice there, or another", async () => {
  const asked: string[] = [];
  const client = clientOf(
    [[item("a", 1), item("b", 2, "another")], [item("c", 9), item("a", 1)], [item("new", 7)]],
    asked,
  );
  const found = await compareResource(client, "pods", SERVED, "v1", stored("a", "b", "c", "d"), 42);
  expect(asked.map((path) => path.split("?")[1])).toEqual([
    "limit=500&resourceVersion=42&resourceVersionMatch=Exact",
    "limit=500&continue=1",
    "limit=500&continue=2",
  ]);
  expect(found).toEqual({
    ...{ expected: 4, same: 1 },
    differences: [
      { resource: "pods", name: "shop/b", difference: "changed", fields: ["uid"] },
      { resource: "pods", name: "shop/c", difference: "changed", fields: ["resourceVersion"] },
      { resource: "pods", name: "shop/a", difference: "extra" },
      { resource: "pods", name: "shop/new", difference: "extra" },
      { resource: "pods", name: "shop/d", difference: "missing" },
    ],
  });
});
