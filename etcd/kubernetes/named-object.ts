/**
 * Whether a value is the object that its key names, without decoding all of it: what a value that was decrypted, or that
 * somebody moved, has to answer for.
 */
import { readUnknown, UndecodableError, decodeObject } from "./decode";
import { isJsonObject, type JsonObject } from "./json";
import { isBuiltInGroup, type KeyDescription, type ObjectKey } from "./key";
import { classify } from "./storage";
import {
  type Cursor,
  LENGTH,
  readFields,
  readLength,
  readText,
  skipField,
  WireError,
} from "./wire";

/** What an object says of itself; a text that it does not say is empty. */
export interface NamedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Reads type and name of a stored object. Of protobuf the outermost fields are followed to the end, so that one that was
 * cut off is seen; JSON and CBOR are read whole.
 * @returns undefined when the value is no object, or is damaged
 */
export function namedObject(value: Buffer): NamedObject | undefined {
  try {
    const { kind } = classify(value.subarray(0, 16));
    if (kind === "protobuf") return protobufName(value);
    return value[0] === 0x7b || kind === "cbor" ? named(decodeObject(value).object) : undefined;
  } catch (error) {
    if (error instanceof WireError || error instanceof UndecodableError) return undefined;
    throw error;
  }
}

function protobufName(value: Buffer): NamedObject | undefined {
  const { apiVersion, kind, contentEncoding, contentType, raw } = readUnknown(value);
  if (contentEncoding !== "" || apiVersion === "" || kind === "") return undefined;
  if (contentType === "application/json") return named(decodeObject(value).object);
  const found = { apiVersion, kind, namespace: "", name: "" };
  const cursor: Cursor = { bytes: value, at: raw[0] };
  // The metadata is the first field of every object (apimachinery/pkg/apis/meta/v1/generated.proto: name 1, namespace 3).
  readFields(cursor, raw[1], (number, wire) => {
    if (number !== 1 || wire !== LENGTH) skipField(cursor, wire);
    else {
      const end = readLength(cursor, wire, raw[1]) + cursor.at;
      readFields(cursor, end, (field, inner) => {
        if (field === 1) found.name = readText(cursor, inner, end);
        else if (field === 3) found.namespace = readText(cursor, inner, end);
        else skipField(cursor, inner);
      });
    }
  });
  return found;
}

function named({ apiVersion, kind, metadata }: JsonObject): NamedObject {
  const { name, namespace } = isJsonObject(metadata) ? metadata : {};
  return {
    apiVersion: text(apiVersion),
    kind: text(kind),
    namespace: text(namespace),
    name: text(name),
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * Whether an object is the one that a key names: group, kind where Kubernetes itself defines it, namespace and name.
 * @param key of an object that lies under no root that is known, its last parts are the name and perhaps a namespace
 */
export function isNamedBy(
  object: NamedObject,
  described: KeyDescription | undefined,
  key: Uint8Array,
): boolean {
  if (described?.kind === "special") return true;
  if (described !== undefined) return fits(object, described);
  const [name, namespace] = Buffer.from(key).toString().split("/").reverse();
  return object.name === name && (object.namespace === "" || object.namespace === namespace);
}

function fits(object: NamedObject, { resource, group, namespace, name }: ObjectKey): boolean {
  if (object.name !== name || object.namespace !== (namespace ?? "")) return false;
  if (group === undefined) return true;
  const [version = "", own = ""] = object.apiVersion.split("/").reverse();
  // The core group has had one version from the beginning.
  if (own === "" ? version !== "v1" : !API_VERSION.test(version)) return false;
  if (!KIND.test(object.kind)) return false;
  // What was of the group `extensions` once may still be stored so; events have two names for their group.
  const isOfGroup =
    own === group || own === "extensions" || (resource === "events" && own === "events.k8s.io");
  return isOfGroup && (!isBuiltInGroup(group) || resourceOfKind(object.kind) === resource);
}

/** https://kubernetes.io/docs/reference/using-api/#api-versioning */
const API_VERSION = /^v\d+((alpha|beta)\d+)?$/;

/** Of a kind: an upper-case letter first, which the comparison with a resource's name does not see. */
const KIND = /^[A-Z][A-Za-z0-9]*$/;

/** `networkpolicies` of `NetworkPolicy`, as Kubernetes names its own (apimachinery/pkg/api/meta, UnsafeGuessKindToResource). */
export function resourceOfKind(kind: string): string {
  const name = kind.toLowerCase();
  if (name === "endpoints") return name;
  if (name.endsWith("s")) return `${name}es`;
  return name.endsWith("y") ? `${name.slice(0, -1)}ies` : `${name}s`;
}
