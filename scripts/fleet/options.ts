/** What is typed for many backups: what a drill of one takes, and what is about a list. */
import type { DrillOptions } from "../commands/drill/options";
import type { Level, Shard } from "./words";

export interface FleetOptions extends Omit<DrillOptions, "level"> {
  readonly level?: Level;
  /** @default as the environment says it */
  readonly shard?: Shard;
  /** Backups at the same time. @default as many as there are cores */
  readonly jobs?: number;
  /** A folder, or `s3://BUCKET/PREFIX`. @default `results` in the drills' folder */
  readonly results?: string;
  /** Seconds: results of before that are older do not count. */
  readonly againAfter?: number;
}
