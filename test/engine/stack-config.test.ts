import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import type { EngineOptions } from "../../engine/engine";
import {
  mergedStackFile,
  programConfig,
  readProject,
  StackConfigError,
} from "../../engine/stack-config";
import { temporaryDirectory } from "../support/temporary";

async function project(files: Readonly<Record<string, string>>): Promise<EngineOptions> {
  const projectDir = await temporaryDirectory();
  for (const [name, text] of Object.entries(files))
    fs.writeFileSync(path.join(projectDir, name), text);
  return { projectDir, stack: "dev", workDir: path.join(projectDir, "work") };
}

const configOf = (options: EngineOptions) =>
  programConfig(options, readProject(options.projectDir));

describe("the settings of a stack", () => {
  it("are all of them text for the program, structured ones as JSON", async () => {
    const options = await project({
      "Pulumi.yaml": "name: p\nruntime: nodejs\n",
      "Pulumi.dev.yaml":
        "config:\n  p:a: text\n  p:b: true\n  p:c: 12\n  p:d: [x, {y: 1}]\n  aws:region: eu\n  e: short\n  p:config:f: old\n",
    });
    expect(configOf(options).values).toEqual({
      "p:a": "text",
      "p:b": "true",
      "p:c": "12",
      "p:d": '["x",{"y":1}]',
      "aws:region": "eu",
      "p:e": "short",
      "p:f": "old",
    });
  });

  it("that are declared as secret are secret, wherever they come from", async () => {
    const options = await project({
      "Pulumi.yaml": "name: p\nruntime: nodejs\nconfig:\n  p:word: {type: string, secret: true}\n",
    });
    const config = configOf({ ...options, config: { word: "sesame" } });
    expect(config).toEqual({ values: { "p:word": "sesame" }, secretKeys: ["p:word"] });
  });

  it("that are declared as secret may stand in no file in clear, as with the CLI", async () => {
    const declared = (more: string) => ({
      "Pulumi.yaml": `name: p\nruntime: nodejs\nconfig:\n  p:word: {secret: true, ${more}}\n`,
    });
    const refusal = /p:word is declared as secret .* in clear .*Pulumi\.dev\.yaml/;
    const byDefault = await project(declared('type: string, default: ""'));
    expect(() => configOf(byDefault)).toThrow(refusal);
    expect(() => configOf(byDefault)).toThrow(StackConfigError);
    expect(configOf({ ...byDefault, config: { word: "sesame" } }).secretKeys).toEqual(["p:word"]);
    const inFile = await project({
      ...declared("type: string"),
      "Pulumi.dev.yaml": "config:\n  p:word: sesame\n",
    });
    expect(() => configOf(inFile)).toThrow(refusal);
    // Without a type the CLI does not look.
    expect(configOf(await project(declared("default: x"))).secretKeys).toEqual(["p:word"]);
  });

  it("without a value and a default are refused, all at once, as Pulumi does", async () => {
    const options = await project({
      "Pulumi.yaml":
        "name: p\nruntime: nodejs\nconfig:\n  one: {type: string}\n  two: {type: string}\n  other:three: {type: string}\n",
    });
    expect(() => configOf(options)).toThrow(
      "stack dev has no value for p:one, p:two: put it into Pulumi.dev.yaml",
    );
  });

  it("that only the Pulumi CLI can decrypt are refused by name", async () => {
    const options = await project({
      "Pulumi.yaml": "name: p\nruntime: nodejs\n",
      "Pulumi.dev.yaml":
        "config:\n  p:word: {secure: v1:abc}\n  p:list: [{deep: {secure: v1:def}}]\n  p:open: {secure: 1, other: 2}\n",
    });
    expect(() => configOf(options)).toThrow(/^p:word, p:list in Pulumi.dev.yaml is encrypted/);
    const given = { ...options, config: { "p:word": "in clear", "p:list": "in clear" } };
    expect(configOf(given).values["p:word"]).toBe("in clear");
  });

  it("that are lists must be given as JSON", async () => {
    const options = await project({
      "Pulumi.yaml":
        "name: p\nruntime: nodejs\nconfig:\n  list: {type: array, items: {type: string}}\n",
    });
    expect(configOf({ ...options, config: { list: '["a"]' } }).values).toEqual({
      "p:list": '["a"]',
    });
    expect(() => configOf({ ...options, config: { list: "a" } })).toThrow(
      "p:list is of type array and must be given as JSON; given is a",
    );
  });

  it("for the CLI keep all else that is in the user's file", async () => {
    const options = await project({
      "Pulumi.yaml":
        "name: p\nruntime: nodejs\nconfig:\n  list: {type: array, items: {type: string}}\n",
      "Pulumi.dev.yaml": "encryptionsalt: v1:salt\nconfig:\n  p:a: old\n  p:b: {secure: v1:abc}\n",
    });
    const given = { ...options, config: { a: "new", list: "[1]" } };
    const read = readProject(given.projectDir);
    expect(mergedStackFile(given, read, true)).toEqual({
      encryptionsalt: "v1:salt",
      config: { "p:a": "new", "p:b": { secure: "v1:abc" }, "p:list": [1] },
    });
    expect(() => mergedStackFile(given, read, false), "without the key").toThrow(StackConfigError);
  });

  it("need a project, and one that can be read", async () => {
    const options = await project({ "Pulumi.yaml": "runtime: nodejs\n" });
    expect(() => readProject(options.projectDir)).toThrow(/Pulumi.yaml cannot be read: .*name/s);
    expect(() => readProject(path.join(options.projectDir, "work"))).toThrow(
      "Pulumi.yaml is missing",
    );
  });
});

describe("the program of a project", () => {
  it("is what `main` names: a file runs in its folder, a folder by its package.json", async () => {
    const options = await project({
      "Pulumi.yaml": "name: p\nruntime: nodejs\nmain: src/app.ts\n",
    });
    const { projectDir } = options;
    fs.mkdirSync(path.join(projectDir, "src"));
    expect(readProject(projectDir)).toMatchObject({
      programDir: path.join(projectDir, "src"),
      entry: "app.ts",
    });
    fs.writeFileSync(path.join(projectDir, "Pulumi.yaml"), "name: p\nmain: src\n");
    expect(readProject(projectDir)).toMatchObject({
      programDir: path.join(projectDir, "src"),
      entry: ".",
    });
    fs.writeFileSync(path.join(projectDir, "Pulumi.yaml"), "name: p\n");
    expect(readProject(projectDir)).toMatchObject({ programDir: projectDir, entry: "." });
  });
});
