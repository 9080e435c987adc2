import { visible } from "../wire/visible";
import { parseCbor } from "./cbor";
import { checkMessage } from "./check-message";
import { type JsonObject, JsonSyntaxError, isJsonObject, parseJson, setMember } from "./json";
import type { JsonBuilder, JsonValue } from "./json";
import { type MessageCursor, readMessage } from "./message-json";
import { fieldsVersion, type Message, messageNamed, messageOfKind } from "./messages";
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

/** A Kubernetes object as it is stored, in the API version in which it is stored. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object as JSON: members and empty values as the API server would send them. */
  readonly object: JsonObject;
  /**
   * Fields that are stored but missing from `object`, because a newer Kubernetes wrote them, as
   * `core.v1.PodSpec field 99`; empty for all up to the version of fields.json.
   */
  readonly unknownFields: readonly string[];
}

/** Why a value is not shown as a Kubernetes object. */
export type UndecodableReason = "encrypted" | "not-an-object" | "unknown-kind" | "damaged";

/** A value that cannot be shown as a Kubernetes object; the message never holds any of it. */
export class UndecodableError extends Error {
  constructor(
    readonly reason: UndecodableReason,
    message: string,
    /** What is known of the object all the same: type and metadata. */
    readonly known?: JsonObject,
  ) {
    super(visible(message));
    this.name = "UndecodableError";
  }
}

/**
 * Decodes a stored value to what the API server would send for the stored version of the object, but for
 * what it adds when it reads: the resourceVersion (`asKubectlShows`), defaults that are younger than the object, and the
 * conversion to the version that a client prefers.
 * @throws UndecodableError for encrypted values (never decrypted here), for values that are no object, for
 * kinds that fields.json does not have, and for damaged values
 */
export function decodeObject(value: Uint8Array): StoredObject {
  const encoding = classify(value);
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  try {
    switch (encoding.kind) {
      case "protobuf":
        return decodeProtobuf(bytes);
      case "json":
        return decodeJson(bytes.toString(), "the value");
      case "encrypted":
        throw new UndecodableError(
          "encrypted",
          `the value is encrypted at rest by ${encoding.provider} ${encoding.version} with key '${encoding.keyName}': only an API server whose EncryptionConfiguration has that key can read it`,
        );
      case "cbor":
        return objectOf(parseCbor(bytes), "the value is CBOR");
      case "text":
      case "binary":
        throw new UndecodableError(
          "not-an-object",
          `the value is no Kubernetes object but ${encoding.kind} of ${value.length} bytes: ask for it with -o raw`,
        );
    }
  } catch (error) {
    throw asUndecodable(error);
  }
}

/** What reading threw, in the words of this file where it is about the value. */
function asUndecodable(error: unknown): unknown {
  return error instanceof WireError || error instanceof JsonSyntaxError
    ? new UndecodableError("damaged", `the value cannot be decoded: ${error.message}`)
    : error;
}

/** `runtime.Unknown`: the type of an object in protobuf, and where the object itself lies. */
export interface Unknown {
  apiVersion: string;
  kind: string;
  contentEncoding: string;
  contentType: string;
  raw: readonly [start: number, end: number];
}

function decodeProtobuf(bytes: Buffer): StoredObject {
  const unknown = readUnknown(bytes);
  const { apiVersion, kind, raw } = unknown;
  const message = messageIn(bytes, unknown);
  if (message === undefined) {
    return decodeJson(bytes.toString("utf8", ...raw), `the ${apiVersion} ${kind}`);
  }
  const unknownFields = new Set<string>();
  const cursor: MessageCursor = { bytes, at: raw[0], unknownFields };
  const fields = readMessage(cursor, raw[1], message) as JsonObject;
  const object: JsonObject = { kind, apiVersion, ...fields };
  return { apiVersion, kind, object, unknownFields: [...unknownFields] };
}

/**
 * The message that a `runtime.Unknown` holds; undefined where it holds JSON.
 * @throws UndecodableError where it is none that can be read
 */
function messageIn(
  bytes: Buffer,
  { apiVersion, kind, contentEncoding, contentType, raw }: Unknown,
): Message | undefined {
  if (kind === "") {
    throw new UndecodableError(
      "not-an-object",
      "the value is marked as Kubernetes' protobuf but names no kind: ask for it with -o raw",
    );
  }
  const name = `${apiVersion} ${kind}`;
  if (contentEncoding !== "") {
    throw new UndecodableError(
      "unknown-kind",
      `the ${name} is stored with content encoding '${contentEncoding}'; only plain values are decoded: ask for it with -o raw`,
    );
  }
  if (contentType === "application/json") return undefined;
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) {
    throw new UndecodableError(
      "unknown-kind",
      `the value is a ${name} in protobuf, a kind that Kubernetes' API ${fieldsVersion} does not have, so only its metadata has names here: ask for the rest with -o raw`,
      { kind, apiVersion, ...metadataOf(bytes, raw) },
    );
  }
  return message;
}

/**
 * Whether a value decodes, without decoding it: for those who want only what `decodeObject` would throw.
 * @throws UndecodableError exactly where `decodeObject` does
 */
export function checkObject(value: Buffer): void {
  if (classify(value).kind !== "protobuf") {
    decodeObject(value);
    return;
  }
  try {
    const unknown = readUnknown(value);
    const message = messageIn(value, unknown);
    const [start, end] = unknown.raw;
    if (message === undefined) decodeObject(value);
    else checkMessage({ bytes: value, at: start }, end, message);
  } catch (error) {
    throw asUndecodable(error);
  }
}

/** The metadata of an object of any kind, which is its first field in all of them; nothing where it cannot be read. */
function metadataOf(bytes: Buffer, [start, end]: Unknown["raw"]): JsonObject {
  const cursor: MessageCursor = { bytes, at: start, unknownFields: new Set() };
  let metadata: JsonValue | undefined;
  readFields(cursor, end, (number, wire) => {
    if (number !== 1 || wire !== LENGTH) skipField(cursor, wire);
    else {
      const length = readLength(cursor, wire, end);
      metadata = readMessage(cursor, cursor.at + length, messageNamed("meta.v1.ObjectMeta"));
    }
  });
  return metadata === undefined ? {} : { metadata };
}

/**
 * Reads `runtime.Unknown` (apimachinery/pkg/runtime/generated.proto) behind the four bytes of its magic.
 * @throws WireError
 */
export function readUnknown(bytes: Buffer): Unknown {
  const unknown: Unknown = {
    apiVersion: "",
    kind: "",
    contentEncoding: "",
    contentType: "",
    raw: [0, 0],
  };
  const cursor: Cursor = { bytes, at: 4 };
  const end = bytes.length;
  readFields(cursor, end, (number, wire) => {
    if (number === 1) {
      const typeEnd = readLength(cursor, wire, end) + cursor.at;
      readFields(cursor, typeEnd, (field, inner) => {
        if (field === 1) unknown.apiVersion = readText(cursor, inner, typeEnd);
        else if (field === 2) unknown.kind = readText(cursor, inner, typeEnd);
        else skipField(cursor, inner);
      });
    } else if (number === 2) {
      const length = readLength(cursor, wire, end);
      unknown.raw = [cursor.at, cursor.at + length];
      cursor.at += length;
    } else if (number === 3) unknown.contentEncoding = readText(cursor, wire, end);
    else if (number === 4) unknown.contentType = readText(cursor, wire, end);
    else skipField(cursor, wire);
  });
  return unknown;
}

function decodeJson(text: string, what: string): StoredObject {
  return objectOf(parseJson(text), `${what} is JSON`);
}

function objectOf(object: JsonValue, what: string): StoredObject {
  const { apiVersion, kind } = isJsonObject(object) ? object : {};
  if (!isJsonObject(object) || typeof apiVersion !== "string" || typeof kind !== "string") {
    throw new UndecodableError(
      "not-an-object",
      `${what} but no Kubernetes object, which would have an apiVersion and a kind: ask for it with -o raw`,
    );
  }
  return { apiVersion, kind, object, unknownFields: [] };
}

/**
 * The object as `kubectl get` shows it: with the resourceVersion, which etcd holds as the key's modification
 * revision, and without managedFields unless asked for.
 */
export function asKubectlShows(
  object: JsonObject,
  modRevision: bigint | number,
  showManagedFields = false,
): JsonObject {
  const metadata: JsonBuilder = {};
  const stored = object.metadata;
  const members: readonly [string, JsonValue][] = isJsonObject(stored)
    ? Object.entries(stored)
    : [];
  for (const [name, value] of members) {
    if (name !== "managedFields" || showManagedFields) setMember(metadata, name, value);
  }
  metadata.resourceVersion = String(modRevision);
  return { ...object, metadata };
}
