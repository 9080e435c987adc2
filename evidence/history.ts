/**
 * The history of drills: a file, or an object in a store, with one line of JSON for each, each with the hash of the line before,
 * so that no line can be altered, taken out or put in unseen. The last line could be cut off unseen: its hash stands in the
 * signed evidence of that drill (`statement.ts`).
 *
 * A line is `{…entry, "previous": HEX}`, sealed (`seal.ts`); `previous` is the hash of the line before, 64 zeros at the first.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { lock } from "proper-lockfile";
import * as z from "zod";
import { PHASE_NAMES } from "../etcd/report/report";
import { publicKeyOf } from "../etcd/wire/ed25519";
import { sealOf, sealProblem } from "./seal";

const FIRST = "0".repeat(64);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const seconds = z.number().nonnegative();

const entrySchema = z.strictObject({
  schemaVersion: z.literal(1),
  drill: z.string(),
  tool: z.string(),
  target: z.enum(["local", "openstack"]),
  /** `file`: of a list; it was read whole, and no etcd was started. */
  level: z.enum(["file", "quick", "standard", "full"]),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  /** `restorable`: at level `file`. */
  verdict: z.enum(["pass", "restorable", "fail", "incomplete"]),
  exitCode: count,
  seconds,
  phases: z.array(z.strictObject({ name: z.enum(PHASE_NAMES), seconds })),
  /** Ids of the checks that failed or could not be made. */
  failed: z.array(z.string()),
  notChecked: z.array(z.string()),
  /** Where and why it ended before its verification. */
  ended: z.strictObject({ phase: z.enum(PHASE_NAMES), reason: z.string() }).exactOptional(),
  /** Absent when it was not read. */
  backup: z
    .strictObject({
      ...{ sha256, bytes: count, keys: count, revision: count, hashKv: count },
      etcdVersion: z.string(),
      takenAt: z.iso.datetime().exactOptional(),
    })
    .exactOptional(),
  /** There when the backup was drawn. */
  random: z.strictObject({ seed: z.string(), among: count }).exactOptional(),
  /** There when it is one of a list: what the list calls it, and the result of it. */
  listed: z.strictObject({ name: z.string(), result: z.string(), sha256 }).exactOptional(),
});

/** One drill, as its history keeps it. Never a key, never a value. */
export type HistoryEntry = Readonly<z.infer<typeof entrySchema>>;

const lineSchema = entrySchema.extend({
  previous: sha256,
  hash: sha256,
  signature: z
    .string()
    .regex(/^[A-Za-z0-9+/]{86}==$/)
    .exactOptional(),
});

/** A history that was read, and the hash of its last line. */
export interface History {
  readonly entries: readonly HistoryEntry[];
  readonly head: string;
  /** How many of its lines are signed by the key that was asked for. */
  readonly signed: number;
}

/** A history that was altered, or is none. The message names the line. */
export class HistoryError extends Error {}

/**
 * Reads a history and checks its chain; one that is not there is empty.
 * @param publicKey PEM: then every line must be signed by it
 * @throws HistoryError
 */
export function readHistory(file: string, publicKey?: string): History {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") text = "";
    else throw new HistoryError(`the history ${file} cannot be read: ${String(error)}`);
  }
  return parseHistory(text, file, publicKey);
}

/** The same of a text; `origin` names it in an error. */
export function parseHistory(text: string, origin: string, publicKey?: string): History {
  if (text !== "" && !text.endsWith("\n")) {
    throw new HistoryError(`${origin}: its last line is cut off; put back a copy of the history`);
  }
  const key = publicKey === undefined ? undefined : publicKeyOf(publicKey);
  const entries: HistoryEntry[] = [];
  let head = FIRST;
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    const wrong = (why: string): HistoryError =>
      new HistoryError(`${origin}: line ${index + 1} ${why}: this history was altered`);
    const { hash, previous, signature, ...entry } = parseLine(line, wrong);
    if (previous !== head) throw wrong("does not follow the line before it");
    const seal = { hash, ...(signature === undefined ? {} : { signature }) };
    const problem = sealProblem({ ...entry, previous }, seal, key);
    if (problem !== undefined) throw wrong(problem);
    entries.push(entry);
    head = hash;
  }
  return { entries, head, signed: publicKey === undefined ? 0 : entries.length };
}

/**
 * The line of a drill that follows a history, and the history with it.
 * @param privateKey PEM: the line is signed
 */
export function nextLine(
  { entries, head }: History,
  entry: HistoryEntry,
  privateKey?: string,
): { readonly line: string; readonly history: History } {
  const content = { ...entrySchema.parse(entry), previous: head };
  const seal = sealOf(content, privateKey);
  return {
    line: `${JSON.stringify({ ...content, ...seal })}\n`,
    history: { entries: [...entries, entry], head: seal.hash, signed: 0 },
  };
}

/**
 * Appends one drill, under a lock: the file is replaced as a whole, so that no half line is ever there.
 * @param privateKey PEM: the line is signed
 * @param before what the same process appended last: it is not read again where nobody else has written since
 * @returns the history with it
 * @throws HistoryError when what is there was altered: nothing is written then
 */
export async function appendHistory(
  file: string,
  entry: HistoryEntry,
  privateKey?: string,
  before?: Appended,
): Promise<Appended> {
  const target = fs.existsSync(file) ? fs.realpathSync(file) : path.resolve(file);
  fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
  const release = await lock(target, { realpath: false, stale: 10_000, retries: LOCK_RETRIES });
  try {
    const known = before?.file === stampOf(target) ? before : undefined;
    const { line, history } = nextLine(known ?? readHistory(target), entry, privateKey);
    const text = known?.text ?? (fs.existsSync(target) ? fs.readFileSync(target, "utf8") : "");
    const all = `${text}${line}`;
    replace(target, all);
    return { ...history, text: all, file: stampOf(target) };
  } finally {
    await release();
  }
}

/** A history as this process has left it. */
export interface Appended extends History {
  readonly text: string;
  /** Tells whether the file is still the one that was written. */
  readonly file: string;
}

/** Who writes replaces the file: it is another one then. */
function stampOf(file: string): string {
  const stats = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? "" : `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

/** Half a minute: whoever holds it appends one line. */
const LOCK_RETRIES = { retries: 150, minTimeout: 50, maxTimeout: 200, factor: 1 };

function parseLine(line: string, wrong: (why: string) => HistoryError): z.infer<typeof lineSchema> {
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch {
    throw wrong("is no JSON");
  }
  // Byte by byte what we would write: nothing stands there twice, or between the fields.
  if (JSON.stringify(content) !== line) throw wrong("is not written as a drill writes it");
  const parsed = lineSchema.safeParse(content);
  if (!parsed.success) throw wrong("has not the fields of a drill");
  // In the order of the file, of which the hash is.
  return content as z.infer<typeof lineSchema>;
}

function replace(file: string, text: string): void {
  const fresh = `${file}.${process.pid}.new`;
  try {
    fs.writeFileSync(fresh, text, { mode: 0o600, flush: true });
    fs.renameSync(fresh, file);
  } finally {
    fs.rmSync(fresh, { force: true });
  }
}
