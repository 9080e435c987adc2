/** What is typed for a drill, as its flags are read. */
import type { EngineName } from "../../../engine/choose";
import type { GlobalOptions } from "../../options";
import type { Budget } from "./budget";
import type { SettingsOptions } from "./settings";

/** What is typed besides what becomes a setting. */
export type RunOptions = Omit<DrillOptions, keyof SettingsOptions>;

export interface DrillOptions extends GlobalOptions, SettingsOptions {
  readonly from?: string;
  readonly engine: EngineName;
  readonly budget?: Budget;
  /** Seconds. */
  readonly maxAge?: number;
  readonly random?: number;
  readonly seed?: string;
  readonly report?: string;
  readonly home?: string;
  readonly history?: string;
  readonly signKey?: string;
  /** Seconds; `true` for the default. */
  readonly keep?: number | true;
}
