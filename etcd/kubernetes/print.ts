/** Objects as the text that people and kubectl read: JSON as Go prints it, and YAML. */
import type { ScalarTag, YAMLMap, YAMLSeq, Scalar } from "yaml";
import { JsonNumber, type JsonObject, type JsonValue, isJsonObject } from "./json";

const INDENT = "    ";

/**
 * The text that `kubectl get -o json` prints for an object: four spaces, members sorted by name, `<`, `>` and
 * `&` escaped as Go's encoding/json does, a newline at the end. Numbers stand as they were stored.
 */
export function toJsonText(value: JsonValue): string {
  return `${jsonText(value, "\n")}\n`;
}

function jsonText(value: JsonValue, newline: string): string {
  if (typeof value === "string") return quoted(value);
  if (value === null || typeof value === "boolean" || typeof value === "number") {
    return String(value);
  }
  if (value instanceof JsonNumber) return value.text;
  const inner = newline + INDENT;
  if (isJsonObject(value)) {
    const names = sortedNames(value);
    if (names.length === 0) return "{}";
    let text = "{";
    for (const [index, name] of names.entries()) {
      const member = value[name] ?? null;
      text += `${index === 0 ? "" : ","}${inner}${quoted(name)}: ${jsonText(member, inner)}`;
    }
    return `${text}${newline}}`;
  }
  if (value.length === 0) return "[]";
  let text = "[";
  for (const [index, item] of value.entries()) {
    text += `${index === 0 ? "" : ","}${inner}${jsonText(item, inner)}`;
  }
  return `${text}${newline}]`;
}

// What Go escapes and JSON.stringify does not: < > & and the two line separators.
const GO_ONLY = /[<>&\u2028\u2029]/g;
const NEEDS_ESCAPE = /["\\<>&\u2028\u2029\u0000-\u001f\ud800-\udfff]/;

function quoted(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    GO_ONLY,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const ASCII = /^[\u0000-\u007f]*$/;

function sortedNames(object: JsonObject): readonly string[] {
  return Object.keys(object).sort(byBytes);
}

/** Go sorts names by their UTF-8 bytes; JavaScript's order by UTF-16 units is the same below U+D800. */
function byBytes(left: string, right: string): number {
  if (ASCII.test(left) || ASCII.test(right)) return left < right ? -1 : left > right ? 1 : 0;
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/**
 * The same object as YAML, members sorted by name. Text that YAML 1.1, which Kubernetes reads, would take for
 * something else (`yes`, `0o7`, `1e3`) is quoted. Numbers stand as they were stored.
 */
export function toYamlText(value: JsonValue): string {
  const yaml = library();
  const document = new yaml.Document(null, { version: "1.1", customTags: [EXACT_NUMBER] });
  document.contents = yamlNode(value, yaml);
  return document.toString({
    lineWidth: 0,
    indentSeq: false,
    directives: false,
    defaultStringType: "PLAIN",
    defaultKeyType: "PLAIN",
  });
}

/** Prints a `JsonNumber` as its text; `yaml` would print a number. */
const EXACT_NUMBER: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  identify: (value) => value instanceof JsonNumber,
  resolve: (text) => text,
  stringify: ({ value }) => (value as JsonNumber).text,
};

function library() {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- for those who want YAML
  return require("yaml") as typeof import("yaml");
}

function yamlNode(value: JsonValue, yaml: ReturnType<typeof library>): YAMLMap | YAMLSeq | Scalar {
  if (isJsonObject(value)) {
    const map = new yaml.YAMLMap();
    for (const name of sortedNames(value)) {
      map.add({ key: new yaml.Scalar(name), value: yamlNode(value[name] ?? null, yaml) });
    }
    return map;
  }
  if (typeof value === "object" && value !== null && !(value instanceof JsonNumber)) {
    const sequence = new yaml.YAMLSeq();
    for (const item of value) sequence.add(yamlNode(item, yaml));
    return sequence;
  }
  return new yaml.Scalar(value);
}
