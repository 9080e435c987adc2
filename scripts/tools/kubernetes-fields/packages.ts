import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A field of a message, from generated.proto; a type without a package is of the same one. */
export interface ProtoField {
  readonly number: number;
  readonly name: string;
  readonly shape: "one" | "list" | "map";
  readonly type: string;
}

/** A field of a Go struct with the tags that matter here. */
export interface GoField {
  /** Empty for an embedded type. */
  readonly name: string;
  readonly type: string;
  /** Parts of the json tag: the name, then its options. Empty without a tag. */
  readonly json: readonly string[];
  /** Number in the protobuf tag. */
  readonly number: number | undefined;
}

/** A Go package of API types. */
export interface Package {
  /** Short name: the last two parts of the protobuf package. */
  readonly name: string;
  /** API group; undefined for packages that register none. */
  readonly group: string | undefined;
  readonly messages: ReadonlyMap<string, readonly ProtoField[]>;
  readonly structs: ReadonlyMap<string, readonly GoField[]>;
  /** Go types that are no structs, by name: `[]string`, `v1.MatchCondition`. */
  readonly others: ReadonlyMap<string, string>;
}

/** The folders below a module that have a generated.proto, but for the test types of apimachinery. */
export function protoFolders(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("generated.proto") && !path.includes("testapigroup"))
    .map((path) => dirname(join(root, path)))
    .sort();
}

/** Reads a folder's generated.proto and Go types; the parts of both languages that generated code uses. */
export function readPackage(folder: string): Package {
  const proto = readFileSync(join(folder, "generated.proto"), "utf8");
  const go = readdirSync(folder)
    .filter((file) => file.endsWith(".go") && !/generated|_test\.go$/.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n");
  const name = /^package ([\w.]+);/m.exec(proto)?.[1];
  if (name === undefined) throw new Error(`${folder}/generated.proto names no package`);
  const group = /^\s*(?:const )?GroupName\s*=\s*"([^"]*)"/m.exec(go)?.[1];
  return { name: shortName(name), group, messages: protoMessages(proto), ...goTypes(go) };
}

function shortName(name: string): string {
  return name.split(".").slice(-2).join(".");
}

function protoMessages(text: string): ReadonlyMap<string, readonly ProtoField[]> {
  const messages = new Map<string, readonly ProtoField[]>();
  for (const [, name = "", body = ""] of text.matchAll(/^message (\w+) \{\n([^]*?)^\}/gm)) {
    const fields: ProtoField[] = [];
    for (const line of body.split("\n").map((line) => line.trim())) {
      if (line === "" || line.startsWith("//")) continue;
      const [, label, map, one, field = "", number] =
        /^(?:(optional|required|repeated) )?(?:map<string, ([\w.]+)>|([\w.]+)) (\w+) = (\d+);$/.exec(
          line,
        ) ?? [];
      const type = map ?? one;
      if (type === undefined) throw new Error(`message ${name}: cannot read '${line}'`);
      fields.push({
        number: Number(number),
        name: field,
        shape: map !== undefined ? "map" : label === "repeated" ? "list" : "one",
        type: type.startsWith(".") ? type.split(".").slice(-3).join(".") : type,
      });
    }
    messages.set(name, fields);
  }
  return messages;
}

function goTypes(text: string): Pick<Package, "structs" | "others"> {
  const code = text.replace(/^\s*\/\/.*$/gm, "").replace(/^\/\*[^]*?\*\//gm, "");
  const structs = new Map<string, readonly GoField[]>();
  for (const [, name = "", body = ""] of code.matchAll(
    /^type (\w+) struct ?\{(?:\n([^]*?)^)?\}/gm,
  )) {
    structs.set(name, body.split("\n").flatMap(goField));
  }
  const others = new Map<string, string>();
  for (const [, name = "", type = ""] of code.matchAll(/^type (\w+) ([\w.[\]]+)$/gm)) {
    others.set(name, type);
  }
  return { structs, others };
}

function goField(line: string): readonly GoField[] {
  const [, name = "", type, tags = ""] =
    /^\s*(?:(\w+)\s+)?([*\w.[\]]+)(?:\s+`(.*)`)?(?:\s*\/\/.*)?$/.exec(line) ?? [];
  if (type === undefined) return [];
  const json = /(?:^|\s)json:"([^"]*)"/.exec(tags)?.[1];
  const number = /protobuf:"\w+,(\d+)/.exec(tags)?.[1];
  return [
    {
      name,
      type,
      json: json?.split(",") ?? [],
      number: number === undefined ? undefined : Number(number),
    },
  ];
}
