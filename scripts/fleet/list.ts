/** A list of backups to prove, JSON Lines or CSV: what it may say of each, and the reading of it. */
import * as path from "node:path";
import { InvalidArgumentError } from "commander";
import * as z from "zod";
import { NotPlainFileError, readPlainText } from "../../files/plain-file";
import { nearest } from "../../settings/names";
import { isRemote } from "../../sources/address";
import { addBudget, type Budget } from "../commands/drill/budget";
import { durationText } from "../durations";
import { EXIT, UserError } from "../outcome";
import { readCsv } from "./csv";
import { LEVELS, type Level } from "./words";

/** A backup of the list. */
export interface Entry {
  /** What people call it, a cluster's name mostly; there once in the list. */
  readonly name: string;
  /** The backup, or where backups lie: an absolute path, or an address. */
  readonly source: string;
  /** UID of the namespace kube-system of the cluster that it must be of. */
  readonly expectedCluster?: string | undefined;
  readonly level?: Level | undefined;
  readonly budget?: Budget | undefined;
  /** Seconds. */
  readonly maxAge?: number | undefined;
  /** Number of the shard that it is of, from 0; `plan` writes it. @default by its line */
  readonly shard?: number | undefined;
  /** Its line in the list, the first being 1. */
  readonly line: number;
}

const text = z.string().trim().min(1).max(4096);

const fields = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(253)
    .regex(/^\P{C}*$/u, "no control characters"),
  source: text,
  expectedCluster: text.optional(),
  level: z.enum(LEVELS).optional(),
  budget: text.transform(readWith((word) => addBudget(word, undefined))).optional(),
  maxAge: text.transform(readWith(durationText)).optional(),
  shard: z.coerce.number().int().min(0).optional(),
});
const NAMES = Object.keys(fields.shape);

/** Reads what is typed as the flag of the same name. */
function readWith<T>(read: (word: string) => T) {
  return (word: string, context: z.RefinementCtx): T => {
    try {
      return read(word);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  };
}

/** As many of a list's mistakes are told. */
const MOST_TOLD = 10;

/**
 * Reads a list. A path in it counts from the folder of the list.
 * @throws UserError (wrong use) with every line that cannot be meant
 */
export function readList(file: string): readonly Entry[] {
  const problems: string[] = [];
  const entries: Entry[] = [];
  const lines = new Map<string, number>();
  for (const { line, said } of linesOf(file, problems)) {
    const read = fields.safeParse(said);
    if (!read.success) {
      problems.push(`line ${line}: ${read.error.issues.map(problemOf).join("; ")}`);
      continue;
    }
    const { source, ...rest } = read.data;
    const before = lines.get(rest.name);
    if (before !== undefined)
      problems.push(
        `line ${line}: the name ${JSON.stringify(rest.name)} stands in line ${before} as well`,
      );
    lines.set(rest.name, line);
    if (source === "-")
      problems.push(`line ${line}: a pipe holds one backup, and is no source here`);
    const place = isRemote(source) ? source : path.resolve(path.dirname(file), source);
    entries.push({ ...rest, source: place, line });
  }
  if (entries.length === 0 && problems.length === 0) problems.push("there is no backup in it");
  if (problems.length > 0) {
    const more = problems.length - MOST_TOLD;
    throw new UserError(EXIT.usage, `the list ${path.resolve(file)} cannot be used:`, [
      ...problems.slice(0, MOST_TOLD),
      ...(more > 0 ? [`and ${more} more`] : []),
    ]);
  }
  return entries;
}

interface Line {
  readonly line: number;
  readonly said: unknown;
}

function linesOf(file: string, problems: string[]): readonly Line[] {
  let content: string;
  try {
    content = readPlainText(file).replace(/^\uFEFF/, "");
  } catch (error) {
    if (!(error instanceof NotPlainFileError)) throw error;
    throw new UserError(EXIT.usage, `${path.resolve(file)}: ${error.message}`);
  }
  try {
    return /\.csv$/i.test(file) ? csvLines(content) : jsonLines(content);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problems.push(error.message);
    return [];
  }
}

function jsonLines(content: string): readonly Line[] {
  return content.split("\n").flatMap((said, at) => {
    if (said.trim() === "") return [];
    try {
      return [{ line: at + 1, said: JSON.parse(said) as unknown }];
    } catch {
      throw new SyntaxError(`line ${at + 1}: it is no JSON; each line is one object`);
    }
  });
}

/** The first line names the columns; a field without content is none. */
function csvLines(content: string): readonly Line[] {
  const [head, ...records] = readCsv(content);
  if (head === undefined) return [];
  const columns = head.fields.map((name) => name.trim());
  return records.map(({ line, fields: cells }) => {
    if (cells.length > columns.length)
      throw new SyntaxError(`line ${line}: ${cells.length} fields for ${columns.length} columns`);
    const filled = cells.flatMap((cell, at) =>
      cell.trim() === "" ? [] : [[columns[at] ?? "", cell] as const],
    );
    return { line, said: Object.fromEntries(filled) };
  });
}

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => `nothing here reads ${JSON.stringify(key)}${nearest(key, NAMES)}`)
      .join("; ");
  }
  const [name] = issue.path;
  return name === undefined ? issue.message : `${String(name)}: ${issue.message}`;
}
