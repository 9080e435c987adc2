/** What it does not prove: that Pulumi itself accepts the schema in Pulumi.yaml (the acceptance tests run it). */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, expect, test } from "vitest";
import { loadSettings, SettingsError } from "../config";

const NAMESPACE = "etcd-restore";
const MINIMAL = { target: "local", snapshot: "backup.db" };

function load(settings: Readonly<Record<string, string>>): ReturnType<typeof loadSettings> {
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`${NAMESPACE}:${key}`, value]),
    ),
  );
  return loadSettings(new pulumi.Config(NAMESPACE));
}
afterEach(() => {
  pulumi.runtime.setAllConfig({});
});

test("two settings are enough; the rest has defaults, and paths become absolute", () => {
  expect(load(MINIMAL)).toEqual({
    target: "local",
    snapshot: path.resolve("backup.db"),
    verification: "full",
    expectedKeys: [],
    etcdVersion: "auto",
    etcdPrograms: undefined,
    clientPort: 22379,
    peerPort: 22380,
    labDirectory: path.resolve(".lab"),
    credentials: undefined,
  });
});

test("what stands in the schema for `not set` is not set", () => {
  const unset = {
    ...MINIMAL,
    clientPort: "0",
    peerPort: "0",
    etcdPrograms: "",
    expectedKeys: "[]",
  };
  expect(load({ ...unset, etcdUsername: "", etcdPassword: "" })).toEqual(load(MINIMAL));
});

test("every problem is named at once, with what was given and what is allowed", () => {
  const wrong = {
    target: "moon",
    verification: "some",
    etcdVersion: "new",
    clientPort: "70000",
    expectedKeys: '{"a":1}',
    etcdUsername: "root",
  };
  expect(() => load(wrong)).toThrow(SettingsError);
  try {
    load(wrong);
  } catch (error) {
    const { message } = error as SettingsError;
    for (const part of [
      `${NAMESPACE}:target is "moon"`,
      `${NAMESPACE}:snapshot is not set`,
      `${NAMESPACE}:verification is "some"; it must be one of quick, standard, full`,
      `${NAMESPACE}:etcdVersion is "new"`,
      `${NAMESPACE}:clientPort is "70000"`,
      `${NAMESPACE}:expectedKeys is {"a":1}`,
      "etcdUsername and etcdPassword go together",
    ]) {
      expect(message).toContain(part);
    }
    expect(pulumi.RunError.isInstance(error), "Pulumi prints it without a stack").toBe(true);
  }
});

test("the two ports must differ", () => {
  expect(() => load({ ...MINIMAL, clientPort: "4000", peerPort: "4000" })).toThrow(/both 4000/);
});

test("a password is a secret however it was set", async () => {
  const { credentials } = load({ ...MINIMAL, etcdUsername: "root", etcdPassword: "hunter2" });
  expect(credentials?.username).toBe("root");
  expect(await pulumi.isSecret(pulumi.output(credentials?.password))).toBe(true);
});
