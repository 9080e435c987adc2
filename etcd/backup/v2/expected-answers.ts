/**
 * What etcd must answer for each key and folder of a v2 store, in the words of its HTTP interface: for `restore.sh`, which
 * has neither our programs nor a JSON parser and compares lines.
 *
 * They hold values, as the store itself does that they lie beside, and go with it.
 */
import { v2PathOf } from "../../client/v2-client";
import type { V2Node } from "./nodes";
import { goTimeText } from "../../wire/go-time";

/** `GONE TAB NODE` for each: when it may be gone, in seconds since 1970, or `-`; and itself without its children and its ttl. */
export function expectedAnswers(nodes: readonly V2Node[]): string {
  return nodes.map((node) => `${goneText(node)}\t${nodeText(node)}\n`).join("");
}

/** What is asked for, as `curl --config` reads it: the whole, and each hidden one, which no listing has. */
export function questions(nodes: readonly V2Node[]): string {
  const names = ["/", ...nodes.filter(({ isHidden }) => isHidden).map(({ name }) => name)];
  return names.map((name) => `url = "https://localhost${v2PathOf(name)}"\n`).join("");
}

function goneText({ gone }: V2Node): string {
  return gone === undefined ? "-" : String(gone / 1_000_000_000n);
}

/** As `NodeExtern` is encoded (`server/etcdserver/api/v2store/node_extern.go`). */
function nodeText({ name, value, expires, modifiedIndex, createdIndex }: V2Node): string {
  const what = value === undefined ? `"dir":true` : `"value":${goJson(value)}`;
  const expiration = expires === undefined ? "" : `,"expiration":"${goTimeText(expires)}"`;
  return `{"key":${goJson(name)},${what}${expiration},"modifiedIndex":${modifiedIndex},"createdIndex":${createdIndex}}`;
}

/** A string as Go's `encoding/json` writes it; `\b` and `\f` as it did before Go 1.22. */
function goJson(text: string): string {
  return JSON.stringify(text).replace(
    /\\[bf]|\\\\|[<>&\u2028\u2029]/g,
    (found) =>
      ({ "\\b": "\\u0008", "\\f": "\\u000c", "\\\\": "\\\\" })[found] ??
      `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
