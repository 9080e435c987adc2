/**
 * The same small stack in four languages: each names what the schema has, all of them the same. What they do under the
 * Pulumi CLI, which makes their SDKs of the schema, is not proved here.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { which } from "../../machine/programs/probe";
import schema from "../../schema.json";

const EXAMPLES = path.join(__dirname, "..", "..", "examples");
const { inputProperties, properties, requiredInputs } =
  schema.resources["etcd-restore:index:LocalRestore"];
const INPUTS = ["snapshot", "labDirectory", "clientPort", "peerPort", "expectedKeys"];
const OUTPUTS = ["clientEndpoint", "clientKey", "etcdctl", "verdict", "report"];

const read = (...file: readonly string[]): string =>
  fs.readFileSync(path.join(EXAMPLES, ...file), "utf8");
const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
const pascal = (name: string): string => name.replace(/^./, (c) => c.toUpperCase());
const names = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, name = ""]) => name).sort();

describe("the stack of the examples", () => {
  it("is what the schema has", () => {
    expect(Object.keys(inputProperties)).toEqual(expect.arrayContaining(INPUTS));
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(OUTPUTS));
    expect(INPUTS).toEqual(expect.arrayContaining(requiredInputs));
  });

  it("is the same in TypeScript", () => {
    const text = read("typescript", "index.ts");
    expect(names(text, /^ {2}(\w+): /gm)).toEqual([...INPUTS].sort());
    const [, exported = ""] = /export const \{ (.*) \}/.exec(text) ?? [];
    expect(exported.split(", ").sort()).toEqual([...OUTPUTS].sort());
  });

  it("is the same in YAML", () => {
    const { resources, outputs } = parse(read("yaml", "Pulumi.yaml")) as {
      readonly resources: Readonly<Record<string, { type: string; properties: object }>>;
      readonly outputs: Readonly<Record<string, string>>;
    };
    const made = resources["last-night"];
    expect(made?.type).toBe("etcd-restore:index:LocalRestore");
    expect(Object.keys(made?.properties ?? {}).sort()).toEqual([...INPUTS].sort());
    const wanted = OUTPUTS.map((name) => [name, `\${last-night.${name}}`]);
    expect(outputs).toEqual(Object.fromEntries(wanted));
  });

  it("is the same in Python, and Python reads it", async () => {
    const text = read("python", "__main__.py");
    expect(names(text, /^ {4}(\w+)=/gm)).toEqual(INPUTS.map(snake).sort());
    expect(names(text, /restored\.(\w+)/g)).toEqual(OUTPUTS.map(snake).sort());
    const python = await which("python3", process.env.PATH);
    if (python === undefined) return;
    const ask = "import ast, sys; ast.parse(sys.stdin.read())";
    execFileSync(python, ["-c", ask], { input: text });
  });

  it("is the same in Go, and gofmt has nothing against it", async () => {
    const text = read("go", "main.go");
    expect(names(text, /^\t{3}(\w+): +/gm)).toEqual(INPUTS.map(pascal).sort());
    expect(names(text, /restored\.(\w+)/g)).toEqual(OUTPUTS.map(pascal).sort());
    const gofmt = await which("gofmt", process.env.PATH);
    if (gofmt === undefined) return;
    expect(execFileSync(gofmt, ["-l"], { input: text, encoding: "utf8" })).toBe("");
  });
});
