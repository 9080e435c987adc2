import { describe, expect, it } from "vitest";
import { createMask } from "../../../engine/mask";
import { changedPaths, ignoreChanges, parsePath, within } from "../../../engine/embedded/paths";
import {
  defaultProviderUrn,
  isDefaultProvider,
  titleOf,
  urnOf,
} from "../../../engine/embedded/urn";
import { ASSET, secret, SIGNATURE, UNKNOWN } from "../../../engine/embedded/values";

describe("what has changed", () => {
  it("is told by its path, secrecy aside", () => {
    const olds = { a: 1, b: { c: [1, 2], d: "x" }, e: secret("word"), gone: null };
    const news = { a: 1, b: { c: [1, 3, 4], d: secret("x") }, e: "word" };
    expect(changedPaths(olds, news)).toEqual([
      ["b", "c", "1"],
      ["b", "c", "2"],
    ]);
  });

  it("is everything that is not known yet", () => {
    expect(changedPaths({ a: UNKNOWN, b: 1 }, { a: UNKNOWN, b: 1 })).toEqual([["a"]]);
    expect(changedPaths({ a: { b: 1 } }, { a: UNKNOWN })).toEqual([["a"]]);
  });

  it("is, of a file, its content and not its place", () => {
    const file = (path: string, hash: string) => ({ f: { [SIGNATURE]: ASSET, path, hash } });
    expect(changedPaths(file("/a", "1"), file("/b", "1"))).toEqual([]);
    expect(changedPaths(file("/a", "1"), file("/a", "2"))).toEqual([["f"]]);
  });

  it("lies within the patterns that Pulumi knows", () => {
    expect(parsePath('a.b[0]["c d"][*]')).toEqual(["a", "b", "0", "c d", "*"]);
    expect(within(["triggers", "3"], "triggers[*]")).toBe(true);
    expect(within(["triggers"], "triggers[*]"), "the whole list is gone").toBe(true);
    expect(within(["other", "3"], "triggers[*]")).toBe(false);
    expect(within(["a", "b"], "a")).toBe(true);
    expect(within(["a", "c"], "a.b")).toBe(false);
    expect(within(["anything"], "*")).toBe(true);
  });

  it("can be ignored, deep down and in secrets, and what is new and ignored is left out", () => {
    const olds = { a: { b: 1, c: 1 }, s: secret({ x: 1, y: 1 }), list: [1, 2] };
    const news = { a: { b: 2, c: 2 }, s: secret({ x: 2, y: 2 }), list: [3, 4], more: 1 };
    expect(ignoreChanges(olds, news, ["a.b", "s.x", "list[0]", "more"])).toEqual({
      a: { b: 1, c: 2 },
      s: secret({ x: 1, y: 2 }),
      list: [1, 4],
    });
    expect(ignoreChanges({ a: 1 }, { b: 2 }, ["a"])).toEqual({ a: 1, b: 2 });
  });
});

describe("the mask", () => {
  it("hides every secret text, the longest first", () => {
    const mask = createMask();
    mask.collect({ a: secret("sesame"), b: [secret({ deep: "open sesame" })], c: "public" });
    expect(mask.hide("say open sesame, not sesame; this is public")).toBe(
      "say [secret], not [secret]; this is public",
    );
  });

  it("leaves the address of a secret connection readable, but not its key", () => {
    const mask = createMask();
    mask.collect({
      connection: secret({ host: "192.0.2.7", user: "ubuntu", privateKey: "k3y-k3y-k3y" }),
    });
    expect(mask.hide("ubuntu@192.0.2.7 with k3y-k3y-k3y")).toBe("ubuntu@192.0.2.7 with [secret]");
  });

  it("hides the lines of a PEM file, also of one inside a JSON text, and nothing public around it", () => {
    const pem =
      "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n";
    const mask = createMask();
    mask.collect({ stdin: secret(JSON.stringify({ directory: "/srv/lab/etcd", serverPem: pem })) });
    expect(mask.hide("at /srv/lab/etcd: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC")).toBe(
      "at /srv/lab/etcd: [secret]",
    );
  });

  it("does not spoil sentences for secrets of three letters", () => {
    const mask = createMask();
    mask.collect({ a: secret("on"), b: secret("") });
    expect(mask.hide("goes on and on")).toBe("goes on and on");
  });
});

describe("URNs", () => {
  const identity = { project: "p", stack: "s" };

  it("carry the types of the parents, but not the stack's", () => {
    const stack = urnOf(identity, "", "pulumi:pulumi:Stack", "p-s");
    const group = urnOf(identity, stack, "x:index:Group", "g");
    const thing = urnOf(identity, group, "x:index:Thing", "t::1");
    expect(group).toBe("urn:pulumi:s::p::x:index:Group::g");
    expect(thing).toBe("urn:pulumi:s::p::x:index:Group$x:index:Thing::t::1");
    expect(titleOf(thing)).toBe("x:index:Thing t::1");
  });

  it("tell made-up providers from those of the program", () => {
    const urn = defaultProviderUrn(identity, "command", "1.2.1");
    expect(urn).toBe("urn:pulumi:s::p::pulumi:providers:command::default_1_2_1");
    expect(isDefaultProvider(urn)).toBe(true);
    expect(isDefaultProvider(urnOf(identity, "", "pulumi:providers:command", "mine"))).toBe(false);
  });
});
