/**
 * Snapshots that were copied as if they were text: nothing can read them any more, and to fetch the same copy again does
 * not help. It is told by what became of a magic number, and by the line feeds.
 */

import { BBOLT, GZIP, XZ, ZSTD } from "../wire/magics";

/** What to do about it. */
export const COPY_AS_BYTES =
  "Take the backup again, and copy it as bytes (`kubectl cp`, `scp`, `kubectl exec` or `ssh` without -t)";

const CARRIAGE_RETURNS =
  "each line feed in it has a carriage return before it: it went through a terminal (`kubectl exec -t`, `ssh -t`) or a " +
  `transfer as text. ${COPY_AS_BYTES}`;

const MAGICS = [{ magic: BBOLT, at: 16 }, ...[GZIP, ZSTD, XZ].map((magic) => ({ magic, at: 0 }))];

/**
 * What was done to a snapshot; undefined when nothing of this kind is seen.
 * @param head the first bytes of a file without a valid meta page
 */
export function copiedAsText(head: Buffer): string | undefined {
  const begins = (copied: (magic: Buffer) => string) =>
    MAGICS.some(({ magic, at }) => head.indexOf(copied(magic)) === at);
  if (begins((magic) => magic.toString("utf8"))) {
    return `a program that took it for text has replaced every byte that is no UTF-8, and they are lost. ${COPY_AS_BYTES}`;
  }
  if (begins((magic) => magic.toString("latin1"))) {
    return (
      "a program took its bytes for characters and wrote them in UTF-8: `iconv -f UTF-8 -t LATIN1` gives them back, " +
      "if nothing else was done to them"
    );
  }
  return head.includes(BBOLT) && hasOnlyCrLf(head, 1) ? CARRIAGE_RETURNS : undefined;
}

/** The same for a file that is longer than its meta page says. @param part its first megabyte, or all of it */
export function wentThroughTerminal(part: Buffer): string | undefined {
  return hasOnlyCrLf(part, 8) ? CARRIAGE_RETURNS : undefined;
}

/** In a database any byte may stand before a line feed. */
function hasOnlyCrLf(part: Buffer, atLeast: number): boolean {
  let found = 0;
  for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) {
    if (part[at - 1] !== 13) return false;
    found += 1;
  }
  return found >= atLeast;
}
