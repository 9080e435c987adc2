/** The lines that an inspection is set in: a label in its column, and what stands behind it. */
import { brokenLines, fitted } from "../wire/lines";
import { visible } from "../wire/visible";

export const COLUMNS = 80;
export const LABEL = 11;

/** One line of the text for each of its own, and more where it does not fit. */
export function labelled(label: string, text: string, width: number): readonly string[] {
  if (text === "") return [];
  return text
    .split("\n")
    .flatMap((line, i) => wrapped(line, (i === 0 ? label : "").padEnd(LABEL), width));
}

/** A line for each key, cut in the middle where it is too long. */
export function keyed(label: string, lines: readonly string[], width: number): readonly string[] {
  return lines.map(
    (line, i) => (i === 0 ? label : "").padEnd(LABEL) + fitted(visible(line), width - LABEL),
  );
}

/**
 * Broken between words, so that nothing of a fact is missing; a word that is longer than a line is cut in its middle.
 * @param rest what stands before the lines behind the first one
 */
export function wrapped(
  text: string,
  label: string,
  width = COLUMNS,
  rest = " ".repeat(LABEL),
): readonly string[] {
  const room = width - Math.max(label.length, rest.length);
  return brokenLines(visible(text), room).map((part, i) => (i === 0 ? label : rest) + part);
}
