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
/** What programs put before a text in UTF-8. */
const MARK = Buffer.from("\ufeff");

/**
 * What was done to a snapshot; undefined when nothing of this kind is seen.
 * @param head the first bytes of a file without a valid meta page
 */
export function copiedAsText(head: Buffer): string | undefined {
  const isMarked = head.subarray(0, MARK.length).equals(MARK);
  const bare = isMarked ? head.subarray(MARK.length) : head;
  if (beginsLike(bare, (bytes) => Buffer.from(bytes.toString("utf8")))) {
    return `a program that took it for text has replaced every byte that is no UTF-8, and they are lost. ${COPY_AS_BYTES}`;
  }
  if (beginsLike(bare, (bytes) => Buffer.from(bytes.toString("latin1")))) {
    const without = isMarked ? " without its first three bytes" : "";
    return (
      `a program took its bytes for characters and wrote them in UTF-8: \`iconv -f UTF-8 -t LATIN1\` gives them back${without}, ` +
      "if nothing else was done to them"
    );
  }
  if (isMarked && beginsLike(bare, (bytes) => bytes)) {
    return "a program took it for text and put a byte order mark before it: `tail -c +4` gives what is behind that";
  }
  const isWide = (["utf8", "latin1"] as const).some((encoding) => {
    const wide = (bytes: Buffer) => Buffer.from(bytes.toString(encoding), "utf16le");
    return beginsLike(head, wide) || beginsLike(head, (bytes) => wide(bytes).swap16());
  });
  if (isWide) return `a program took it for text and wrote it in UTF-16. ${COPY_AS_BYTES}`;
  return head.includes(BBOLT) && hasOnlyCrLf(head, 1) ? CARRIAGE_RETURNS : undefined;
}

/** Whether it begins as a snapshot would, or a packed one, of which this was made. The bytes before a magic are ASCII. */
function beginsLike(head: Buffer, made: (bytes: Buffer) => Buffer): boolean {
  return MAGICS.some(
    ({ magic, at }) => head.indexOf(made(magic)) === made(Buffer.alloc(at)).length,
  );
}

/**
 * The same for a file that is longer than its meta page says, or that is packed and damaged.
 * @param part its first megabyte, or all of it
 */
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
