/** Text within the columns that there are. */

/** At most `width` characters; of a longer text both ends, since the names of keys differ at the end. */
export function fitted(text: string, width: number): string {
  const characters = Array.from(text);
  const half = Math.floor((width - 1) / 2);
  return characters.length <= width
    ? text
    : `${characters.slice(0, half).join("")}…${characters.slice(-half).join("")}`;
}

/** Broken between words into lines of at most `width` characters; a word that is longer is cut in its middle. */
export function brokenLines(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<=\S) (?=\S)/)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= width) line = longer;
    else {
      if (line !== "") lines.push(line);
      line = fitted(word, width);
    }
  }
  return [...lines, line];
}
