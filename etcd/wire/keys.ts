/** How keys are shown and grouped: etcd's keys are bytes, most of them are paths. */

/** Up to `depth` segments with the slash that ends them; never the last segment, which is the key's own name. */
export function prefixOf(key: string, depth: number): string {
  let end = 0;
  // A leading slash opens the first segment, it does not end one.
  let from = key.startsWith("/") ? 1 : 0;
  for (let segment = 0; segment < depth; segment += 1) {
    const slash = key.indexOf("/", from);
    if (slash < 0) {
      break;
    }
    end = from = slash + 1;
  }
  return key.slice(0, end);
}

/** A key as text, or `base64:…` when it is not text that a terminal can show unharmed. */
export function printableKey(key: Buffer): string {
  const text = key.toString("utf8");
  // Controls, line separators and lone bytes; and a text that would read as our own notation.
  const harmless = !/[\p{C}\u2028\u2029]/u.test(text) && Buffer.from(text).equals(key);
  return harmless && !text.startsWith("base64:") ? text : `base64:${key.toString("base64")}`;
}
