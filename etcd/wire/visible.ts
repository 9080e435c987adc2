/** Text of unknown origin made safe to look at: every printer sends keys, paths and messages through here. */

import { grouped } from "./figures";

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

// Controls, invisible format characters (among them the ones that turn the reading direction round, so that a key can
// look like another one), unpaired surrogates, characters that XML and HTML forbid, line and paragraph separators.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}]/gu;

/** The text on one line, each character that cannot be seen or that deceives written out: `\n`, `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(
    UNSEEN,
    (character) => ESCAPES[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The first `characters` of a text, with the full length beside it when something was cut: `/registry/aaa… (1,500 characters)`. */
export function shortened(text: string, characters: number): string {
  if (text.length <= characters) return text;
  // Not through the middle of a surrogate pair.
  const head = text.slice(0, characters).replace(/[\ud800-\udbff]$/, "");
  return `${head}… (${grouped(text.length)} characters)`;
}
