/** The columns that a report's text is set in, and its colors. */
import Table from "cli-table3";
import pc from "picocolors";

export interface TextOptions {
  /** Default: as the terminal and `NO_COLOR` say. */
  readonly color?: boolean | undefined;
  /** Of the terminal. Default and most: 100. */
  readonly columns?: number | undefined;
  /** Whether the verdict of a run that came to no verification says why. Default: it does. */
  readonly withReason?: boolean;
}

export const GAP = 2;
export const LABEL = 11;
export const WIDEST = 100;

export type Colors = ReturnType<typeof pc.createColors>;

export function colorsOf({ color }: TextOptions): Colors {
  return color === undefined ? pc : pc.createColors(color);
}

/** A table of columns alone, which survives being pasted into a mail. */
export function plainTable(
  widths: readonly number[],
  colAligns: Table.HorizontalAlignment[] = [],
): Table.Table {
  const nothing = [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left"],
    ...["bottom-right", "left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
  ];
  return new Table({
    chars: Object.fromEntries(nothing.map((name) => [name, ""])),
    style: { "padding-left": 0, "padding-right": GAP, head: [], border: [] },
    colAligns,
    colWidths: widths.map((width) => width + GAP),
    wordWrap: true,
  });
}

export function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
