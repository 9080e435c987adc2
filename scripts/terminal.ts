/**
 * The one place where our commands print.
 *
 * Results go to stdout, everything that is said to people to stderr. Both may hold names out of a file, an archive, a
 * server or a setting: here they are made visible, so that nothing reaches a terminal that could steer it. A reader
 * that has gone (`… | head`) is no error; a stdout that cannot be written to is one, once.
 */
import pc from "picocolors";
import { visible } from "../etcd/wire/visible";
import { EXIT } from "./outcome";

/** Why stdout could not take the result; a pipe whose reader has gone does not count. */
let problem: string | undefined;
let printed = false;

/** What was typed says so. */
let noColor = false;

/** A command begins: nothing is printed yet. */
export function beginOutput(args: readonly string[]): void {
  noColor = args.includes("--no-color");
  printed = false;
  problem = undefined;
}

/** Prints (a part of) the result as it is: JSON, or bytes that were asked for. */
export function print(text: string | Uint8Array): void {
  printed ||= text.length > 0;
  try {
    process.stdout.write(text);
  } catch (error) {
    stdoutFailed(error);
  }
}

/** Prints the one JSON of a command. */
export function printJson(value: unknown): void {
  print(`${JSON.stringify(value)}\n`);
}

/** Prints a result for people, line by line. */
export function printText(text: string): void {
  print(`${visibleLines(text, colorsFor(process.stdout))}\n`);
}

/** Whether anything of a result was printed. */
export function hasPrinted(): boolean {
  return printed;
}

/** Says something to people: every line visible, and then in the style that is asked for. */
export function say(text: string, style: (line: string) => string = (line) => line): void {
  const lines = visibleLines(text, false)
    .split("\n")
    .map((line) => (colorsFor(process.stderr) ? style(line) : line));
  try {
    process.stderr.write(`${lines.join("\n")}\n`);
  } catch {
    // Nobody is there to be told.
  }
}

// picocolors' codes, and no others.
const COLOR = /(\u001b\[(?:0|1|2|22|39|3[1-6])m)/;

/**
 * A text of several lines with each line made visible. What must not contain a line end goes through `visible` where
 * it is put into the text.
 * @param colored leaves colours in it; without, an escape character is as foreign as any other
 */
export function visibleLines(text: string, colored: boolean): string {
  const line = (given: string): string =>
    colored
      ? given
          .split(COLOR)
          .map((part, i) => (i % 2 === 1 ? part : visible(part)))
          .join("")
      : visible(given);
  return text.split("\n").map(line).join("\n");
}

/**
 * Whether a stream is shown in colours: `--no-color` and NO_COLOR say no, FORCE_COLOR says yes (0: no), and else a
 * terminal is.
 */
export function colorsFor(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if ((NO_COLOR ?? "") !== "" || noColor) return false;
  if ((FORCE_COLOR ?? "") !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return stream.isTTY === true && TERM !== "dumb";
}

/** Colours for a stream, or none. */
export function colorize(stream: NodeJS.WriteStream): ReturnType<typeof pc.createColors> {
  return pc.createColors(colorsFor(stream));
}

/** Narrower than this nothing is fitted any more, and wider lines than this nobody reads. */
const NARROWEST = 40;
const WIDEST = 100;

/** How many columns a result may take: those of the terminal, 100 at most and where there is none. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  const given = stream.isTTY ? stream.columns : Number(process.env.COLUMNS);
  return given > 0 ? Math.min(WIDEST, Math.max(NARROWEST, given)) : WIDEST;
}

/**
 * From now on a reader that has gone, or a full disk behind stdout, ends nothing in the middle. What stdout did not take is
 * told at the end, and the exit code with it.
 */
export function guardOutput(): void {
  process.stdout.on("error", stdoutFailed);
  process.stderr.on("error", () => undefined);
  // Only then everything that was printed has been written, or not.
  process.once("exit", () => {
    if (problem === undefined) return;
    say(`error: the output could not be written: ${problem}`);
    if (process.exitCode === undefined || process.exitCode === EXIT.good) {
      process.exitCode = EXIT.environment;
    }
  });
}

function stdoutFailed(error: unknown): void {
  if (!(error instanceof Error)) throw error;
  const code = "code" in error ? error.code : undefined;
  // What is written after a failure fails as well, by another name.
  if (code === "EPIPE" || code === "ERR_STREAM_DESTROYED") return;
  problem ??= code === "ENOSPC" ? "no space is left on the device" : error.message;
}
