import type { Decrypted } from "../encryption/decryptor";
import { asKubectlShows, decodeObject, UndecodableError } from "../kubernetes/decode";
import type { JsonObject } from "../kubernetes/json";
import { toJsonText, toYamlText } from "../kubernetes/print";
import { classify } from "../kubernetes/storage";
import { printableKey } from "../wire/keys";
import type { KeyMetadata } from "../snapshot/snapshot";
import { metadataForJson } from "./keys";

/** One key with its value, from a file or a server. */
export interface StoredKey {
  readonly key: Buffer;
  readonly metadata: Pick<KeyMetadata, "createRevision" | "modRevision" | "version" | "lease">;
  readonly value: Buffer;
}

export interface ShowOptions {
  readonly format: "json" | "yaml" | "raw";
  /** Wraps the value in a document with what etcd knows about the key. With `raw`: that document alone. */
  readonly metadata: boolean;
}

/** What `get` prints. */
export interface Shown {
  /** As it goes to stdout: a text, or the value's own bytes. */
  readonly output: string | Buffer;
  /** What could not be shown, and the way out. */
  readonly problem?: string;
  /** What is shown and is not the whole truth. */
  readonly note?: string;
}

/**
 * Shows a value: a Kubernetes object as `kubectl get` prints it, any other text as it is.
 *
 * What is encrypted or no text is a problem, but not for `raw`.
 * @param decrypted what became of the value with the API server's keys; undefined without them
 */
export function showKey(
  stored: StoredKey,
  { format, metadata }: ShowOptions,
  decrypted?: Decrypted,
): Shown {
  if (format === "raw") {
    return { output: metadata ? toJsonText(document(stored)) : stored.value };
  }
  const print = format === "json" ? toJsonText : toYamlText;
  const decoded = decode(stored, decrypted);
  const note =
    "object" in decoded && decoded.unknownFields.length > 0
      ? {
          note: `fields that a newer Kubernetes wrote are left out: ${decoded.unknownFields.join(", ")}`,
        }
      : {};
  if (metadata) {
    const { problem } = decoded;
    const shown =
      "object" in decoded
        ? { object: decoded.object }
        : "text" in decoded
          ? { value: decoded.text }
          : decoded.known === undefined
            ? {}
            : { object: decoded.known };
    return {
      output: print({ ...document(stored), ...shown }),
      ...(problem === undefined ? {} : { problem }),
      ...note,
    };
  }
  if ("object" in decoded) return { output: print(decoded.object), ...note };
  if ("text" in decoded) {
    return { output: decoded.text.endsWith("\n") ? decoded.text : `${decoded.text}\n` };
  }
  const known = decoded.known === undefined ? "" : print(decoded.known);
  return { output: known, problem: decoded.problem };
}

type Decoded =
  | {
      readonly object: JsonObject;
      readonly unknownFields: readonly string[];
      readonly problem?: undefined;
    }
  | { readonly text: string; readonly problem?: undefined }
  | { readonly problem: string; readonly known?: JsonObject };

function decode({ key, value: kept, metadata }: StoredKey, decrypted?: Decrypted): Decoded {
  if (decrypted !== undefined && "problem" in decrypted) return { problem: decrypted.problem };
  const { value } = decrypted ?? { value: kept };
  try {
    const { object, unknownFields } = decodeObject(value);
    return { object: asKubectlShows(object, metadata.modRevision), unknownFields };
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    const { kind } = classify(value);
    // Text, and JSON that is no object of Kubernetes, is readable as it is.
    if (error.reason === "not-an-object" && (kind === "text" || kind === "json")) {
      return { text: value.toString() };
    }
    const wayOut = error.message.includes("-o raw")
      ? ""
      : "; -o raw gives its bytes as they are stored";
    const { known } = error;
    return {
      problem: `${printableKey(key)}: ${error.message}${wayOut}`,
      ...(known === undefined ? {} : { known: asKubectlShows(known, metadata.modRevision) }),
    };
  }
}

function document({ key, value, metadata }: StoredKey): JsonObject {
  const encoding = classify(value);
  return {
    key: printableKey(key),
    ...metadataForJson(metadata),
    valueBytes: value.length,
    encoding: encoding.kind,
    ...(encoding.kind === "encrypted"
      ? { provider: `${encoding.provider}:${encoding.version}`, encryptionKey: encoding.keyName }
      : {}),
  };
}
