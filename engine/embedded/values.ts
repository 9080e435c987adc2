/**
 * Property values as they travel between program, engine and state: JSON with three marked forms.
 * The marks are Pulumi's (`sdk/nodejs/runtime/rpc.ts`, `specialSigKey` and its neighbours).
 */

export type Value = null | boolean | number | string | readonly Value[] | Properties;

export interface Properties {
  readonly [key: string]: Value;
}

/** Key whose value says which marked form an object is. */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const SECRET = "1b47061264138c4ac30d75fd1eb44270";
export const ASSET = "c44067f5952c0a294b673a41bacd8c17";
export const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";

/** Stands for a value that is not known before `up` has run. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** An object that stands for something else, as its signature says. */
interface Marked extends Properties {
  readonly [SIGNATURE]: string;
}

export function isObject(value: Value | undefined): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value carries one of the marks. */
export function hasMark(value: Value | undefined, mark: string): value is Marked {
  return isObject(value) && value[SIGNATURE] === mark;
}

export function secret(value: Value): Value {
  return hasMark(value, SECRET) ? value : { [SIGNATURE]: SECRET, value };
}

/** The value itself where it is marked as secret. */
export function unwrap(value: Value): Value {
  return hasMark(value, SECRET) ? (value.value ?? null) : value;
}

/** Rebuilds a value from its leaves up; marked forms are given to `change` as objects. */
export function mapValue(value: Value, change: (value: Value) => Value): Value {
  if (Array.isArray(value)) return change(value.map((item: Value) => mapValue(item, change)));
  if (isObject(value)) return change(mapProperties(value, (item) => mapValue(item, change)));
  return change(value);
}

export function mapProperties(
  properties: Properties,
  change: (value: Value, key: string) => Value,
): Properties {
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [key, change(value, key)]),
  );
}

/** The properties without any secret marks, as a resource type works with them. */
export function reveal(properties: Properties): Properties {
  return mapProperties(properties, (value) => mapValue(value, unwrap));
}

/** Whether a secret is in the value, at any depth. */
export function holdsSecret(value: Value): boolean {
  if (Array.isArray(value)) return value.some((item: Value) => holdsSecret(item));
  if (!isObject(value)) return false;
  return value[SIGNATURE] === SECRET || Object.values(value).some(holdsSecret);
}

/** What a person may see: `[secret]` and `[unknown]` in place of what is neither. */
export function forDisplay(value: Value): Value {
  return mapValue(value, (item) =>
    hasMark(item, SECRET) ? "[secret]" : item === UNKNOWN ? "[unknown]" : item,
  );
}
