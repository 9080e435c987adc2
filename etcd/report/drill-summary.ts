/** What a drill adds to the proof: the choice of the backup, and the drills before it. */

/** One drill of a history, as little of it as a picture needs. */
export interface PastDrill {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly verdict: "pass" | "fail" | "incomplete";
  /** Wall time of the whole drill. */
  readonly seconds: number;
  /** Live keys of the backup; absent when it was not read. */
  readonly keys?: number;
}

/** What a drill adds to the proof: which backup it chose and why, and how the drills before it went. */
export interface DrillSummary {
  /** Of the drill, and of its stack. */
  readonly name: string;
  readonly target: "local" | "openstack";
  /** What was given: a file, or where backups lie. */
  readonly source: string;
  /** When the backup was taken, and who says so; absent when nothing was chosen. */
  readonly taken?: { readonly at: string; readonly from: string; readonly ageSeconds: number };
  /** The first 20 that were not chosen though they are newer. */
  readonly passedOver?: readonly { readonly name: string; readonly reason: string }[];
  /** There when the backup was drawn: the same seed draws the same one of as many. */
  readonly random?: { readonly seed: string; readonly among: number };
  /** There with `--history`: how many drills it holds, this one included. */
  readonly history?: {
    readonly drills: number;
    /** When the last drill with verdict pass ended; absent when none has passed. */
    readonly lastPass?: string;
    /** What random drills say together. */
    readonly statement?: string;
    /** The newest 90, the oldest first. */
    readonly recent: readonly PastDrill[];
  };
}
