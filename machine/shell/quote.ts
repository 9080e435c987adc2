/** Words as a shell takes them. */

/** Quotes one word for `sh`. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line out of words. */
export function shellLine(...words: readonly (string | number)[]): string {
  return words.map((word) => shellQuote(String(word))).join(" ");
}
