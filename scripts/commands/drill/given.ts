/** What a drill is told before it begins, and what it tells when it has ended. */
import type { StartProgram } from "../../../engine/engine";
import type { Report } from "../../../etcd/report/report";
import type { EngineFor } from "../../drills/remove";
import type { BadEnd } from "../../run-end";
import type { Chosen } from "./choose";
import type { DrillSettings } from "./settings";

/** What a drill is of. */
export interface DrillGiven {
  /** The backup, or where backups lie: an absolute path, or an address. */
  readonly source: string;
  /** Finds the backup and brings it here, what is fetched into a folder. */
  readonly choose: (fetchTo: string, signal: AbortSignal) => Promise<Chosen>;
  readonly settings: DrillSettings;
  /** When the run began that this drill is of. */
  readonly startedAt: Date;
  /** Seconds that it took to find the backup, where that was done before. @default 0 */
  readonly soughtSeconds?: number;
  /** Takes every report of the drill, from the first, which says that it has only begun. */
  readonly write: (report: Report, directory: string) => void;
  /** @default the engine of the stack on this computer */
  readonly engineFor?: EngineFor;
  /** @default a process of its own for the drill's program */
  readonly startProgram?: StartProgram;
}

/** How a drill ended. */
export interface DrillEnd {
  readonly report: Report;
  /** What ended it before its proof was made, or made it fail. */
  readonly badEnd: BadEnd | undefined;
  readonly exitCode: number;
  /** Folder of its reports. */
  readonly reports: string;
}
