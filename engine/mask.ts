/** Keeps secrets out of everything that either engine prints or tells. */

import { hasMark, isObject, SECRET, secret, UNKNOWN, unwrap } from "./embedded/values";
import type { Value } from "./embedded/values";

/** Settings and variables of the environment that hold a secret, by their names. */
const SECRET_NAMES = /(?:password|passphrase|token|secret|private_?key)$/i;

/** A private key, whoever prints it and whether or not it was collected; one that is cut off runs to the end. */
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----|[\s\S]*$)/g;

export interface Mask {
  /** Remembers every secret string in a value; each is hidden from now on. */
  collect(value: Value): void;
  /** The text with `[secret]` in the place of every secret that was collected. */
  hide(text: string): string;
}

/**
 * Fields of `connection` (`@pulumi/command`, types/input.ts) that the SDK marks as secret together with
 * the private key. Hiding them would blot out every address in the output.
 */
const PUBLIC_FIELDS = new Set(["host", "hostKey", "user", "port"]);

/** Names of what is worth hiding in a JSON text, most of which is public (a request with one key in it). */
const SECRET_FIELDS = /key|password|passphrase|token|secret/i;

/** Shorter strings are in too many innocent words: hiding `on` would spoil every sentence and tell the secret. */
const SHORTEST = 4;

/** A line of a long secret (a PEM file) that would give it away on its own. */
const TELLING_LINE = /^[A-Za-z0-9+/=_-]{16,}$/;

export function createMask(): Mask {
  const secrets = new Set<string>();
  let longestFirst: readonly string[] = [];

  function add(text: string): void {
    const whole = text.trim();
    if (whole.length < SHORTEST || secrets.has(whole)) return;
    secrets.add(whole);
    for (const line of whole.split("\n")) {
      if (TELLING_LINE.test(line.trim())) secrets.add(line.trim());
    }
    // A secret that holds another must go first, or its remains would be left standing.
    longestFirst = [...secrets].sort((a, b) => b.length - a.length);
    if (/^[{[]/.test(whole)) addFieldsOf(whole);
  }

  function addFieldsOf(json: string): void {
    try {
      JSON.parse(json, (key, value: unknown) => {
        if (
          typeof value === "string" &&
          (SECRET_FIELDS.test(key) || value.includes("PRIVATE KEY"))
        ) {
          add(value);
        }
        return value;
      });
    } catch {
      // Not JSON after all: it is hidden as a whole.
    }
  }

  function collect(value: Value, inSecret: boolean): void {
    const inside = inSecret || hasMark(value, SECRET);
    const content = unwrap(value);
    if (typeof content === "string") {
      if (inside && content !== UNKNOWN) add(content);
    } else if (Array.isArray(content)) {
      content.forEach((item: Value) => {
        collect(item, inside);
      });
    } else if (isObject(content)) {
      for (const [key, item] of Object.entries(content)) {
        if (!inside || !PUBLIC_FIELDS.has(key)) collect(item, inside);
      }
    }
  }

  return {
    collect: (value) => {
      collect(value, false);
    },
    hide: (text) =>
      longestFirst
        .reduce((out, piece) => out.replaceAll(piece, "[secret]"), text)
        .replace(PRIVATE_KEY, "[secret]"),
  };
}

/** A mask that knows the secrets of the surroundings: by its name, a variable of the environment or a setting. */
export function openMask(
  env: NodeJS.ProcessEnv,
  config: Readonly<Record<string, string>> = {},
): Mask {
  const mask = createMask();
  for (const [name, value] of Object.entries({ ...env, ...config })) {
    if (SECRET_NAMES.test(name) && value !== undefined) mask.collect(secret(value));
  }
  return mask;
}
