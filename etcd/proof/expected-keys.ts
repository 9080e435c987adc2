import type { Check } from "../report/report";
import type { Snapshot } from "../snapshot/snapshot";
import { printableKey } from "../wire/keys";
import type { EtcdClient } from "../client/etcd-client";
import { prefixRange } from "./plan";
import { answerOf } from "./server-facts";

/**
 * What an expectation stands for.
 *
 * `…*`: every key that begins with what is before the star. `…/`: every key that begins with it, the slash included.
 * Anything else is one key.
 */
export function parseExpected(expected: string): { readonly bytes: Buffer; prefix: boolean } {
  return expected.endsWith("*")
    ? { bytes: Buffer.from(expected.slice(0, -1)), prefix: true }
    : { bytes: Buffer.from(expected), prefix: expected.endsWith("/") };
}

/** Whether the server holds, at a revision, each key and at least one key of each prefix. */
export async function expectedKeysCheck(
  client: EtcdClient,
  snapshot: Snapshot,
  revision: number,
  expectedKeys: readonly string[],
): Promise<Check> {
  const check = {
    id: "expected-keys",
    title: "Keys and prefixes that must be there",
    source: "setting",
  };
  const expected = `all ${expectedKeys.length}`;
  const missing: string[] = [];
  for (const key of expectedKeys) {
    const { bytes, prefix } = parseExpected(key);
    // Without an end the range is that one key.
    const range = prefix ? prefixRange(bytes) : { start: bytes, end: Buffer.alloc(0) };
    const count = await answerOf(client.count(range, revision));
    if ("refused" in count) {
      return { ...check, verdict: "not-checked", expected, reason: count.refused };
    }
    if (count.value === 0) {
      missing.push(key);
    }
  }
  const found =
    missing.length === 0
      ? expected
      : `${expectedKeys.length - missing.length} of ${expectedKeys.length}`;
  if (missing.length === 0) {
    return { ...check, verdict: "pass", expected, found };
  }
  const named = missing.map(
    (key) =>
      `${printableKey(Buffer.from(key))} (${inFile(snapshot, key) ? "the backup has it" : "nor has the backup"})`,
  );
  return { ...check, verdict: "fail", expected, found, reason: `missing: ${named.join(", ")}` };
}

/** Those of the expected keys and prefixes that a backup itself does not have. */
export function missingInFile(
  snapshot: Pick<Snapshot, "live">,
  expectedKeys: readonly string[],
): readonly string[] {
  return expectedKeys.filter((key) => !inFile(snapshot, key));
}

function inFile({ live }: Pick<Snapshot, "live">, expected: string): boolean {
  const { bytes, prefix } = parseExpected(expected);
  const at = live.indexOf(bytes);
  const next = -1 - at;
  return (
    at >= 0 ||
    (prefix && next < live.count && live.key(next).subarray(0, bytes.length).equals(bytes))
  );
}
