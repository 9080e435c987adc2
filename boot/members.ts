/** Members of decoded objects, of which nobody knows what they hold. */
import { decodeObject, UndecodableError } from "../etcd/kubernetes/decode";
import { isJsonObject, type JsonObject, type JsonValue } from "../etcd/kubernetes/json";

/** The object of a stored value; undefined where it cannot be decoded. */
export function decoded(value: Buffer): JsonObject | undefined {
  try {
    return decodeObject(value).object;
  } catch (error) {
    if (error instanceof UndecodableError) return undefined;
    throw error;
  }
}

/** Each of these is empty where there is none such. */
export function objectIn(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isJsonObject(value) ? value : {};
}

export function listIn(object: JsonObject, name: string): readonly JsonValue[] {
  const value = object[name];
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

export function textIn(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === "string" ? value : "";
}
