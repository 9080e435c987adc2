/** Where a history is kept, as it is named: a file of this computer, or one object, `s3://BUCKET/KEY`. */
import * as fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  appendHistory,
  nextLine,
  parseHistory,
  readHistory,
  type Appended,
  type History,
  type HistoryEntry,
} from "../evidence/history";
import { isRemote, parseAddress, shownAddress } from "../sources/address";
import { openSharedObject, type Kept, type SharedObject } from "../sources/shared-object";
import { SourceError } from "../sources/source-error";
import { EXIT, UserError } from "./outcome";

export interface HistoryPlace {
  /**
   * Reads it and checks its chain; undefined where there is no history yet.
   * @param publicKey PEM: then every line must be signed by it
   * @throws HistoryError, SourceError
   */
  read(publicKey?: string): Promise<History | undefined>;
  /**
   * Appends a drill to what is there by then, also while others append theirs.
   * @param privateKey PEM: the line is signed
   * @returns the history up to this line
   * @throws HistoryError when what is there was altered: nothing is written then; SourceError
   */
  append(entry: HistoryEntry, privateKey?: string): Promise<History>;
  close(): void;
}

/** Asks nobody yet. @throws UserError for a place where no history can be; SourceError */
export function openHistory(word: string): HistoryPlace {
  return isInStore(word) ? inObject(openObject(word)) : inFile(word);
}

/**
 * A history that somebody has named, so that it must be there.
 * @throws UserError where there is none, HistoryError for one that was altered, SourceError
 */
export async function readNamedHistory(word: string, publicKey?: string): Promise<History> {
  const place = openHistory(word);
  try {
    const found = await place.read(publicKey);
    if (found === undefined) throw new UserError(EXIT.usage, `there is no history ${word}`);
    return found;
  } finally {
    place.close();
  }
}

/** Whether a history, or what is signed, is no file of this computer. `-` is the name of a file here. */
export function isInStore(word: string): boolean {
  return word !== "-" && isRemote(word);
}

/** The text of an object; undefined where there is none. @throws UserError, SourceError */
export async function textInStore(word: string): Promise<string | undefined> {
  const object = openObject(word);
  try {
    return (await object.read())?.text;
  } finally {
    object.close();
  }
}

function openObject(word: string): SharedObject {
  const address = /^s3:/i.test(word) ? parseAddress(word) : undefined;
  if (address?.kind === "s3" && address.prefix !== "" && !address.prefix.endsWith("/")) {
    return openSharedObject(address.container, address.prefix);
  }
  throw new UserError(
    EXIT.usage,
    `${shownAddress(word)}: this must be a file, or one object: s3://BUCKET/KEY, as s3://evidence/drills.jsonl`,
  );
}

function inFile(file: string): HistoryPlace {
  let appended: Appended | undefined;
  return {
    read: (publicKey) =>
      Promise.resolve(fs.existsSync(file) ? readHistory(file, publicKey) : undefined),
    async append(entry, privateKey) {
      appended = await appendHistory(file, entry, privateKey, appended);
      return appended;
    },
    close: () => undefined,
  };
}

/** Others that append at the same time are waited for so long. */
const PATIENCE_SECONDS = 60;

/** @param patience seconds */
export function inObject(object: SharedObject, patience = PATIENCE_SECONDS): HistoryPlace {
  // What this process has written last is tried again without reading it: who was faster is found out by the store.
  let last: Written | undefined;
  return {
    async read(publicKey) {
      const kept = await object.read();
      return kept && parseHistory(kept.text, object.name, publicKey);
    },
    async append(entry, privateKey) {
      const until = performance.now() + patience * 1000;
      const tried = new Set<string>();
      for (let tries = 1; ; tries += 1) {
        const there = last ?? (await readObject(object));
        last = undefined;
        const noted = upToOwn(there.kept?.text ?? "", tried, object.name);
        if (noted !== undefined) return noted;
        const { line, history } = nextLine(there.history, entry, privateKey);
        tried.add(history.head);
        const kept = await write(object, `${there.kept?.text ?? ""}${line}`, there.kept);
        if (kept !== undefined) {
          last = { kept, history };
          return history;
        }
        if (performance.now() > until) throw new SourceError("environment", beaten(object, tries));
        await delay(50 + Math.random() * Math.min(2000, 100 * 2 ** tries));
      }
    },
    close() {
      object.close();
    },
  };
}

/** An object, and the history that it holds. */
interface Written {
  readonly kept: Kept | undefined;
  readonly history: History;
}

async function readObject(object: SharedObject): Promise<Written> {
  const kept = await object.read();
  return { kept, history: parseHistory(kept?.text ?? "", object.name) };
}

/** Of a write that was not answered nobody knows whether it arrived: it is looked for, as one that came second. */
async function write(
  object: SharedObject,
  text: string,
  over: Kept | undefined,
): Promise<Kept | undefined> {
  try {
    return await object.write(text, over);
  } catch (error) {
    if (!(error instanceof SourceError) || error.kind !== "environment") throw error;
    const now = await object.read().catch(() => undefined);
    if (now?.text.startsWith(text) === true) return undefined;
    throw error;
  }
}

/** The history up to a line of ours: the store had taken it, though we were told otherwise, or nothing. */
function upToOwn(text: string, hashes: ReadonlySet<string>, name: string): History | undefined {
  for (const hash of hashes) {
    const at = text.indexOf(`"hash":"${hash}"`);
    if (at >= 0) return parseHistory(text.slice(0, text.indexOf("\n", at) + 1), name);
  }
  return undefined;
}

function beaten({ name }: SharedObject, tries: number): string {
  return (
    `${name}: ${tries} times somebody else wrote it between our reading and our writing, so this drill is not noted; ` +
    "let fewer drills that share a history end at the same time, or give each a history of its own"
  );
}
