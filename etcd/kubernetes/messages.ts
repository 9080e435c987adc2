import table from "./fields.json";

/** How a field's value is encoded, if it is no message. */
export type ScalarType = "string" | "bool" | "int32" | "int64" | "double" | "bytes";

/** One field of a message: its number on the wire, and how Go prints it as JSON. */
export interface Field {
  readonly number: number;
  /** Its name in JSON; empty where the members of its message stand in the parent itself (`inline`). */
  readonly name: string;
  readonly shape: "one" | "list" | "map";
  /** A scalar's type, or a message's name. */
  readonly type: string;
  readonly isMessage: boolean;
  /** Whether "not set" differs from zero. */
  readonly pointer: boolean;
  /** Whether an empty value is left out (`omitempty`; `omitzero` too, which only times have). */
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  /** Its place in `Message.fields`. */
  readonly index: number;
}

/** A message: fields in the order of the Go type, and by number. */
export interface Message {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
  /** Set for a message that prints as its only field, a list (`ExtraValue`). */
  readonly list: boolean;
}

const packages: Readonly<Record<string, string>> = table.groups;
const texts: Readonly<Record<string, string>> = table.messages;
const known = new Map<string, Message>();
/** Groups that were asked for: every object of a store asks. */
const groups = new Map<string, { readonly name: string; readonly kinds: ReadonlySet<string> }>();

/** The Kubernetes API that fields.json was made from, for messages: `v0.35.4`. */
export const fieldsVersion: string = table.version;

/** The message of an API kind such as `apps/v1` `Deployment`, or undefined if fields.json has none. */
export function messageOfKind(apiVersion: string, kind: string): Message | undefined {
  let group = groups.get(apiVersion);
  if (group === undefined) {
    const [name, ...kinds] = Object.hasOwn(packages, apiVersion)
      ? (packages[apiVersion]?.split(" ") ?? [])
      : [];
    if (name === undefined) return undefined;
    group = { name, kinds: new Set(kinds) };
    groups.set(apiVersion, group);
  }
  return group.kinds.has(kind) ? messageNamed(`${group.name}.${kind}`) : undefined;
}

/** A message by its name in fields.json, such as `core.v1.PodSpec`. */
export function messageNamed(name: string): Message {
  const found = known.get(name);
  if (found !== undefined) return found;
  const text = texts[name];
  if (text === undefined) throw new Error(`etcd/kubernetes/fields.json has no message ${name}`);
  const fields =
    text === "" ? [] : text.split(", ").map((field, index) => parse(name, field, index));
  const message: Message = {
    name,
    fields,
    byNumber: new Map(fields.map((field) => [field.number, field])),
    list: fields[0]?.name === "=",
  };
  known.set(name, message);
  return message;
}

// NUMBER NAME[?|??] TYPE, as the head of fields.json describes it.
const FIELD = /^(\d+) ([^ ?]+)(\??\??) (?:(\*)?([\w.]+)|\[([\w.]+)\]|\{([\w.]+)\})$/;
const SCALARS: readonly string[] = [
  "string",
  "bool",
  "int32",
  "int64",
  "double",
  "bytes",
] satisfies readonly ScalarType[];

function parse(message: string, text: string, index: number): Field {
  const [, number, name, omit, pointer, one, list, map] = FIELD.exec(text) ?? [];
  const type = one ?? list ?? map;
  if (name === undefined || type === undefined) {
    throw new Error(`etcd/kubernetes/fields.json: '${text}' of ${message} is no field`);
  }
  const isMessage = !SCALARS.includes(type);
  return {
    number: Number(number),
    name: name === "^" ? "" : name,
    shape: list !== undefined ? "list" : map !== undefined ? "map" : "one",
    // A message without a package is of the same package.
    type: isMessage && !type.includes(".") ? message.replace(/\w+$/, type) : type,
    isMessage,
    pointer: pointer !== undefined,
    omitEmpty: omit !== "",
    omitZero: omit === "??",
    index,
  };
}
