/** What a run over many and the processes in which it proves them say to each other. */
import type { RunOptions } from "../commands/drill/options";
import type { DrillSettings } from "../commands/drill/settings";
import type { Entry } from "./list";
import type { Level } from "./words";
import type { Result } from "./result";
import type { Earlier } from "./results-place";

/** One backup to prove, and how. */
export interface Task {
  readonly entry: Entry;
  readonly policy: string;
  readonly level: Level;
  /** With what the list asks of this one over those of all. */
  readonly settings: DrillSettings;
  readonly options: RunOptions;
  /** What is known of it already. */
  readonly earlier: readonly Earlier[];
}

export type ToWorker =
  | { readonly kind: "prove"; readonly task: Task }
  /** There is memory for it now. */
  | { readonly kind: "go" };

/** What became of a task. */
export type Outcome =
  | { readonly kind: "result"; readonly result: Result }
  /** The same was found out before. */
  | { readonly kind: "known"; readonly earlier: Earlier }
  /** Nothing was found out: it is to be done again. */
  | { readonly kind: "interrupted" };

export type FromWorker =
  /** It is about to begin, and asks for memory. */
  | { readonly kind: "room"; readonly bytes: number }
  /** `isFull`: it holds so much memory that another process should do the next one. */
  | { readonly kind: "outcome"; readonly outcome: Outcome; readonly isFull: boolean };
