/** What is typed for a drill, as its flags are read. */
import type { EngineName } from "../../../engine/choose";
import type { VerificationLevel } from "../../../etcd/report/report";
import type { GlobalOptions } from "../../options";
import type { Budget } from "./budget";
import type { Config } from "./settings";

export interface DrillOptions extends GlobalOptions {
  readonly from?: string;
  readonly target?: "local" | "openstack";
  readonly stack?: string;
  readonly engine: EngineName;
  readonly config: Config;
  readonly level?: VerificationLevel;
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
