import { expect, it } from "vitest";

import { differenceLog } from "../../../etcd/proof/differences";
import { printableKey } from "../../../etcd/wire/keys";

it("groups Kubernetes keys by resource and namespace, and other keys by what they share", () => {
  const log = differenceLog();
  for (const key of [
    "/registry/pods/shop/web-0",
    "/registry/pods/shop/web-1",
    "/registry/pods/team-a/web-0",
    "/registry/namespaces/shop",
    "/registry/apps.example.com/widgets/shop/blue",
    "locks/a/b",
    "plain",
  ]) {
    log.missing(Buffer.from(key));
  }
  expect(log.summary().byPrefix.map(({ prefix, missing }) => [prefix, missing])).toEqual([
    ["", 1],
    ["/registry/apps.example.com/widgets/", 1],
    ["/registry/namespaces/", 1],
    ["/registry/pods/shop/", 2],
    ["/registry/pods/team-a/", 1],
    ["locks/a/", 1],
  ]);
});

it("cuts prefixes shorter when there are too many of them, and loses no count", () => {
  const log = differenceLog();
  for (let i = 0; i < 1000; i += 1) {
    log.missing(Buffer.from(`/registry/pods/namespace-${i}/a`));
    log.extra(Buffer.from(`/registry/pods/namespace-${i}/b`));
    log.changed(Buffer.from(`/registry/leases/namespace-${i}/c`), ["value"]);
  }
  const { total, byPrefix } = log.summary();
  expect(total).toBe(3000);
  expect(byPrefix).toEqual([
    { prefix: "/registry/leases/", missing: 0, extra: 0, changed: 1000 },
    { prefix: "/registry/pods/", missing: 1000, extra: 1000, changed: 0 },
  ]);
  expect(log.counts()).toEqual({ differing: 2000, extra: 1000 });
});

it("puts keys that share nothing into one row", () => {
  const log = differenceLog();
  for (let i = 0; i < 1000; i += 1) {
    log.extra(Buffer.from(`${i}/a/b/c`));
  }
  expect(log.summary().byPrefix).toEqual([{ prefix: "", missing: 0, extra: 1000, changed: 0 }]);
});

it("names the first 100 keys in their order, in whatever order they were found", () => {
  const log = differenceLog();
  for (let i = 4999; i >= 0; i -= 1) {
    log.changed(Buffer.from(`/key/${String(i).padStart(4, "0")}`), ["lease", "value"]);
  }
  const { total, keys, details } = log.summary();
  expect(total).toBe(5000);
  expect(keys).toHaveLength(100);
  expect(keys.slice(0, 2)).toEqual(["/key/0000", "/key/0001"]);
  expect(keys.at(-1)).toBe("/key/0099");
  expect(details[99]).toEqual({
    key: "/key/0099",
    difference: "changed",
    fields: ["lease", "value"],
  });
});

it.each([
  ["/registry/pods/shop/web-0", "/registry/pods/shop/web-0"],
  ["/ключ/鍵", "/ключ/鍵"],
  ["", ""],
  ["new\nline", "base64:bmV3CmxpbmU="],
  ["\u001b[31mred", "base64:G1szMW1yZWQ="],
  ["right\u202eleft", "base64:cmlnaHTigK5sZWZ0"],
  ["base64:Zm9v", "base64:YmFzZTY0OlptOXY="],
])("shows the key %j as %s", (key, shown) => {
  expect(printableKey(Buffer.from(key))).toBe(shown);
});

it("shows a key that is no text as base64", () => {
  expect(printableKey(Buffer.from([0x2f, 0xff, 0xfe]))).toBe("base64:L//+");
});
