/** What is typed about many backups, and how it is read. Loads with every `drill`, so it loads little itself. */
import { InvalidArgumentError } from "commander";
import { statOf } from "../../files/plain-file";
import { isRemote } from "../../sources/address";

/**
 * How much is done with a backup: those of a verification, or only `file`: it is read whole and judged, and no etcd is
 * started.
 */
export const LEVELS = ["file", "quick", "standard", "full"] as const;
export type Level = (typeof LEVELS)[number];

/** Whether a word names a list: a file of one of two endings. A folder of that name is a folder. */
export function isList(word: string): boolean {
  return (
    !isRemote(word) && /\.(jsonl|ndjson|csv)$/i.test(word) && statOf(word)?.isDirectory() !== true
  );
}

/** Part `index`, from 0, of `count`. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Reads `I/N` with I from 0 to N-1. */
export function shardText(text: string): Shard {
  const [, index, count] = /^(\d{1,6})\/([1-9]\d{0,5})$/.exec(text) ?? [];
  if (index === undefined || Number(index) >= Number(count)) {
    throw new InvalidArgumentError("It must be I/N with I from 0 to N-1, as 0/8 to 7/8.");
  }
  return { index: Number(index), count: Number(count) };
}
