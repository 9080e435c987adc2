/**
 * Writes etcd/kubernetes/fields.json out of Kubernetes' published Go modules:
 *
 *     node --require ./engine/typescript.cjs scripts/tools/make-kubernetes-fields.ts 0.35.4 0.37.2           (needs `go`, and the Go module proxy)
 *     node --require ./engine/typescript.cjs scripts/tools/make-kubernetes-fields.ts 0.35.4 0.37.2 --check   (exits 1 if the file would change)
 *
 * Of several versions, the oldest first, the first says what everything is, and each later one adds what is new in it. Exits 2 on wrong use, 3 if Go or the modules are not to be had.
 *
 * Field numbers and types are read from the generated.proto files, names in JSON and what is left out from
 * the struct tags of the Go types beside them; where the two disagree it stops.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { specialMessages } from "../../etcd/kubernetes/special";
import { type Table, withAdditions } from "./kubernetes-fields/merge";
import {
  type GoField,
  type Package,
  type ProtoField,
  protoFolders,
  readPackage,
} from "./kubernetes-fields/packages";

const MODULES = [
  "k8s.io/api",
  "k8s.io/apimachinery",
  "k8s.io/apiextensions-apiserver",
  "k8s.io/kube-aggregator",
];
const OUTPUT = resolve(__dirname, "../../etcd/kubernetes/fields.json");
const SCALARS = new Set(["string", "bool", "int32", "int64", "double", "bytes"]);
const OBJECT_META = "meta.v1.ObjectMeta";

interface Module {
  readonly Path: string;
  readonly Version: string;
  readonly Sum: string;
  readonly Dir: string;
}

function main(args: readonly string[]): number {
  const check = args.at(-1) === "--check";
  const versions = check ? args.slice(0, -1) : args;
  if (versions.length === 0 || !versions.every((version) => /^\d+\.\d+\.\d+$/.test(version))) {
    console.error("usage: make-kubernetes-fields VERSION… [--check], such as 0.35.4 0.37.2");
    return 2;
  }
  let table: Table | undefined;
  for (const version of versions) {
    const modules = download(version);
    if (modules === undefined) return 3;
    const newer = generate(modules, `v${version}`);
    table = table === undefined ? newer : withAdditions(table, newer);
  }
  const text = `${JSON.stringify(table, null, 2)}\n`;
  if (!check) {
    writeFileSync(OUTPUT, text);
    return 0;
  }
  if (readFileSync(OUTPUT, "utf8") === text) return 0;
  console.error(
    `${OUTPUT} is not what ${versions.join(", ")} of Kubernetes' API give: run without --check`,
  );
  return 1;
}

/** The modules' folders in Go's cache, or undefined if Go cannot get them; it has then said why. */
function download(version: string): readonly Module[] | undefined {
  const modules: Module[] = [];
  for (const path of MODULES) {
    const { error, status, stdout, stderr } = spawnSync(
      "go",
      ["mod", "download", "-json", `${path}@v${version}`],
      {
        // Outside any Go module, so that no go.mod here or above has a say.
        cwd: tmpdir(),
        env: { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off" },
        encoding: "utf8",
        timeout: 300_000,
      },
    );
    if (error !== undefined || status !== 0) {
      const reason = error?.message ?? (stdout + stderr).trim();
      console.error(
        `cannot download the Go module ${path}@v${version} (needs Go and a module proxy): ${reason}`,
      );
      return undefined;
    }
    modules.push(JSON.parse(stdout) as Module);
  }
  return modules;
}

function generate(modules: readonly Module[], version: string): Table {
  const packages = new Map<string, Package>();
  for (const module of modules) {
    for (const folder of protoFolders(module.Dir)) {
      const found = readPackage(folder);
      if (packages.has(found.name)) throw new Error(`two packages are called ${found.name}`);
      packages.set(found.name, found);
    }
  }
  const groups: Record<string, string> = {};
  const messages: Record<string, string> = {};
  for (const [name, found] of [...packages].sort(byName)) {
    const kinds = [...found.messages.keys()].filter((kind) => isStored(found, kind)).sort();
    if (found.group === undefined || kinds.length === 0) continue;
    const apiVersion = [found.group, name.split(".")[1]].filter((part) => part !== "").join("/");
    groups[apiVersion] = [name, ...kinds].join(" ");
    for (const kind of kinds) describe(packages, `${name}.${kind}`, messages);
  }
  return {
    about:
      "Field numbers and JSON names of Kubernetes' API, made by scripts/tools/make-kubernetes-fields.ts from the modules below. Copyright The Kubernetes Authors, Apache License 2.0.",
    format:
      "groups: apiVersion -> package and its kinds. messages: NUMBER NAME TYPE; '?' omitempty, '??' omitzero, '*' pointer, [list], {map from string}, '^' members stand in the parent, '=' the message prints as this field.",
    version,
    modules: Object.fromEntries(
      modules.map(({ Path, Version, Sum }) => [`${Path}@${Version}`, Sum]),
    ),
    groups,
    messages: Object.fromEntries(Object.entries(messages).sort(byName)),
  };
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

/** Whether a message is an API object: a type with an apiVersion, a kind and an object's metadata. */
function isStored(found: Package, name: string): boolean {
  const typed = found.structs.get(name)?.some(({ type }) => type === "metav1.TypeMeta") ?? false;
  const meta = found.messages.get(name)?.find((field) => field.name === "metadata");
  return typed && meta?.type === OBJECT_META;
}

/** Adds a message, and all that it refers to, to the table. */
function describe(
  packages: ReadonlyMap<string, Package>,
  name: string,
  table: Record<string, string>,
): void {
  if (name in table || specialMessages.has(name)) return;
  const [packageName, messageName] = split(name);
  const found = packages.get(packageName);
  const proto = found?.messages.get(messageName);
  if (found === undefined || proto === undefined) throw new Error(`no message ${name}`);
  const go = goFields(packages, found, messageName);
  const texts =
    go === "list"
      ? proto.map((field) => `${field.number} = [${field.type}]`)
      : go
          .filter(({ number }) => number !== undefined)
          .map((field) => mergeField(name, proto, field));
  if (texts.length !== proto.length) {
    throw new Error(`${name}: ${proto.length} fields in generated.proto, ${texts.length} in Go`);
  }
  table[name] = texts.join(", ");
  for (const field of proto) {
    if (!SCALARS.has(field.type)) describe(packages, qualified(field.type, packageName), table);
  }
}

/** One field out of what generated.proto and the Go struct say of it. */
function mergeField(message: string, proto: readonly ProtoField[], go: GoField): string {
  const field = proto.find(({ number }) => number === go.number);
  if (field === undefined) {
    throw new Error(`${message}.${go.name}: generated.proto has no field ${go.number ?? "?"}`);
  }
  const [tagName, ...options] = go.json;
  const inline = options.includes("inline") || (tagName === "" && go.name === "");
  const zero = options.includes("omitzero");
  if (zero && !/^(meta\.v1\.)?Time$/.test(field.type)) {
    throw new Error(`${message}.${go.name}: omitzero is known for meta.v1.Time only`);
  }
  // Types with a marshaller of their own have no json tags.
  const json = tagName ?? field.name;
  const omit = zero ? "??" : options.includes("omitempty") ? "?" : "";
  const { type } = field;
  const text =
    field.shape === "list"
      ? `[${type}]`
      : field.shape === "map"
        ? `{${type}}`
        : `${go.type.startsWith("*") ? "*" : ""}${type}`;
  return `${field.number} ${inline ? "^" : json}${omit} ${text}`;
}

function goFields(
  packages: ReadonlyMap<string, Package>,
  found: Package,
  name: string,
): readonly GoField[] | "list" {
  const fields = found.structs.get(name);
  if (fields !== undefined) return fields;
  const other = found.others.get(name);
  if (other === "[]string") return "list";
  // `type MatchCondition v1.MatchCondition`: a type of another version of the same group.
  const version = /^(v\w+)\.(\w+)$/.exec(other ?? "");
  const twin = packages.get(`${found.name.split(".")[0] ?? ""}.${version?.[1] ?? ""}`);
  const twinFields = twin?.structs.get(version?.[2] ?? "");
  if (twinFields === undefined) throw new Error(`no Go type ${found.name}.${name}`);
  return twinFields;
}

function split(name: string): readonly [string, string] {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, dot), name.slice(dot + 1)];
}

function qualified(type: string, packageName: string): string {
  return type.includes(".") ? type : `${packageName}.${type}`;
}

process.exitCode = main(process.argv.slice(2));
