/** Reads results from where they lie, one by one: of each only what a report over all needs is kept. */
import * as fs from "node:fs";
import * as path from "node:path";
import { readPlainText, statOf } from "../../../files/plain-file";
import { isRemote } from "../../../sources/address";
import { EXIT, UserError } from "../../outcome";
import { shortResultSchema } from "../result";
import { openResults, type ResultsPlace } from "../results-place";
import type { SearchedPlace, ShortResult } from "./fleet-report";

export interface ReadResults {
  readonly results: readonly ShortResult[];
  /** Full names of those that are called like a result and are none. */
  readonly unreadable: readonly string[];
  readonly places: readonly SearchedPlace[];
}

/** How many are asked for at the same time. */
const AT_ONCE = 16;
const CALLED = /\.[0-9a-f]{12}\.[^/]*\.json$/;

/**
 * Reads all results in some places, also in folders below them.
 * @throws UserError for a place that is none; SourceError
 */
export async function readResults(
  words: readonly string[],
  signal: AbortSignal,
): Promise<ReadResults> {
  const results: ShortResult[] = [];
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
          const result = parsed(await place.read(name, signal));
          if (result === undefined) unreadable.push(full);
          else results.push(result);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } finally {
      place.close();
    }
  }
  return { results, unreadable: unreadable.sort(), places };
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
