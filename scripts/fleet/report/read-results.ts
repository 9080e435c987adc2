/** Reads results from where they lie, one by one: of each only what a report over all needs is kept. */
import type { KeyObject } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { readPlainText, statOf } from "../../../files/plain-file";
import { sealProblem, type Seal } from "../../../evidence/seal";
import { isRemote } from "../../../sources/address";
import { EXIT, UserError } from "../../outcome";
import { digestOf } from "../note";
import { shortResultSchema } from "../result";
import { openResults, type ResultsPlace } from "../results-place";
import type { SearchedPlace, ShortResult } from "./fleet-report";

/** A result, and which file it was. */
export interface ReadResult extends ShortResult {
  readonly file: string;
  /** SHA-256 of the whole file. */
  readonly fileSha256: string;
}

export interface ReadResults {
  readonly results: readonly ReadResult[];
  /** Full names of those that are called like a result and are none. */
  readonly unreadable: readonly string[];
  readonly places: readonly SearchedPlace[];
  /** Those whose seal is broken, or is not of the key that was asked for, each with the reason: what they said counts nowhere. */
  readonly untrusted: readonly string[];
}

/** How many are asked for at the same time. */
const AT_ONCE = 16;
const CALLED = /\.[0-9a-f]{12}\.[^/]*\.json$/;

/**
 * Reads all results in some places, also in folders below them.
 * @param publicKey only what it has signed is a result
 * @throws UserError for a place that is none; SourceError
 */
export async function readResults(
  words: readonly string[],
  signal: AbortSignal,
  publicKey?: KeyObject,
): Promise<ReadResults> {
  const results: ReadResult[] = [];
  const untrusted: string[] = [];
  const unreadable: string[] = [];
  const places: SearchedPlace[] = [];
  const seen = new Set<string>();
  for (const word of words) {
    const place = isRemote(word) ? openResults(word) : openLocal(path.resolve(word));
    try {
      const all = await place.names(signal);
      const names = all.filter((name) => CALLED.test(name)).sort();
      // A file goes by its own name, and not by its folder's.
      const name = isRemote(word) ? place.name : path.resolve(word);
      places.push({ name, files: all.length, results: names.length });
      const waiting = names[Symbol.iterator]();
      const work = async (): Promise<void> => {
        for (const name of waiting) {
          const full = `${place.name}/${name}`;
          if (seen.has(full)) continue;
          seen.add(full);
          const text = await place.read(name, signal);
          const result = parsed(text);
          const problem = result === undefined ? undefined : problemOfSeal(text, publicKey);
          if (result === undefined) unreadable.push(full);
          else if (problem !== undefined) untrusted.push(`${full} ${problem}`);
          else {
            const own = { file: path.posix.basename(name), fileSha256: digestOf(text) };
            results.push({ ...result, ...own });
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } finally {
      place.close();
    }
  }
  return { results, unreadable: unreadable.sort(), untrusted: untrusted.sort(), places };
}

/** What is wrong with the seal of a result, as the end of a sentence; one that has none is sealed by nobody. */
function problemOfSeal(text: string, publicKey: KeyObject | undefined): string | undefined {
  const { hash, signature, ...content } = JSON.parse(text) as Partial<Seal>;
  if (hash === undefined) return publicKey === undefined ? undefined : "is not signed";
  const seal = { hash, ...(signature === undefined ? {} : { signature }) };
  // Byte by byte what a drill writes: nothing stands there twice, or between the fields.
  if (`${JSON.stringify({ ...content, ...seal })}\n` !== text) return "is not as a drill wrote it";
  return sealProblem(content, seal, publicKey);
}

function parsed(text: string): ShortResult | undefined {
  try {
    return shortResultSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** A folder with all below it, or one file: only read. */
function openLocal(root: string): Pick<ResultsPlace, "name" | "names" | "read" | "close"> {
  const stats = statOf(root);
  if (stats === undefined) {
    throw new UserError(EXIT.usage, `${root}: there is no such file or folder with results`);
  }
  const folder = stats.isDirectory() ? root : path.dirname(root);
  return {
    name: folder,
    names: async () =>
      stats.isDirectory()
        ? await fs.promises.readdir(root, { recursive: true })
        : [path.basename(root)],
    read: (name) => Promise.resolve(readPlainText(path.join(folder, name))),
    close: () => undefined,
  };
}
