/** Comma-separated values by RFC 4180: fields in quotes may hold commas, line ends and doubled quotes. */

/** A record of fields, and the line on which it begins, the first being 1. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/** @throws SyntaxError for a quote that is not closed, or one in the middle of a field */
export function readCsv(text: string): readonly CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const begun = line;
    const fields: string[] = [];
    for (;;) {
      const field = text[at] === '"' ? quotedField(text, at, line) : plainField(text, at);
      fields.push(field.text);
      line += field.text.split("\n").length - 1;
      at = field.end;
      if (text[at] !== ",") break;
      at += 1;
    }
    at += text.startsWith("\r\n", at) ? 2 : 1;
    line += 1;
    // An empty line is none of one empty field.
    if (fields.length > 1 || fields[0] !== "") records.push({ line: begun, fields });
  }
  return records;
}

interface Field {
  readonly text: string;
  /** Where what comes behind it begins: a comma, a line end, or nothing. */
  readonly end: number;
}

const PLAIN_END = /,|\r?\n|$/g;

function plainField(text: string, from: number): Field {
  PLAIN_END.lastIndex = from;
  const end = PLAIN_END.exec(text)?.index ?? text.length;
  return { text: text.slice(from, end), end };
}

function quotedField(text: string, from: number, line: number): Field {
  let content = "";
  for (let at = from + 1; ;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw new SyntaxError(`line ${line}: a quote is opened and not closed`);
    content += text.slice(at, quote);
    if (text[quote + 1] !== '"') {
      const end = quote + 1;
      if (end === text.length || /^(,|\r?\n)/.test(text.slice(end, end + 2)))
        return { text: content, end };
      throw new SyntaxError(`line ${line}: behind a closing quote must come a comma`);
    }
    content += '"';
    at = quote + 2;
  }
}
