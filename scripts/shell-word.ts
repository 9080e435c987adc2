import { shellQuote } from "../machine/shell/quote";

/** One word as it can be pasted into a shell and read, whatever stands in it. */
export function shellWord(word: string): string {
  if (!/[\u0000-\u001f\u007f]/.test(word)) return shellQuote(word);
  const escaped = word.replace(
    /[\u0000-\u001f\u007f\\']/g,
    (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `$'${escaped}'`;
}
