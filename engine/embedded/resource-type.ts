/** What the embedded engine needs to know of a resource type; tests plug in further ones. */

import type { RunHere } from "../engine";
import type { Properties } from "./values";

/** What a resource type may use while it works. */
export interface StepContext {
  /** Folder of the program: relative paths start here. */
  readonly projectDir: string;
  readonly urn: string;
  /** Aborted on Ctrl-C: stop what runs and fail. */
  readonly signal: AbortSignal;
  /** Outputs that are secret: never to be said. */
  readonly secretOutputs: readonly string[];
  /** Shows one line of what the resource says while it works. Secrets in it are hidden. */
  say(line: string): void;
  /** Tells that a process group was started or has ended, so that a later run can end what a killed one left. */
  processStarted(pid: number): void;
  processEnded(pid: number): void;
  /** Does what it can without another process. @default nothing is done here */
  readonly runHere?: RunHere | undefined;
}

/** A command ended by itself, and not well. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    readonly exitStatus: number,
  ) {
    super(message);
  }
}

export interface Made {
  readonly id: string;
  readonly outputs: Properties;
}

/**
 * One resource type. Inputs and outputs are plain values without secret marks; the engine puts these back.
 * Every function may throw; the error's message is what the user reads.
 */
export interface ResourceType {
  /** Outputs that are no inputs: unknown in a preview of a change. */
  readonly outputs: readonly string[];
  /** Inputs whose change makes a new resource; `"all"` when nothing can be updated. Default: none. */
  readonly replaceOn?: readonly string[] | "all";
  /** Whether a replacement deletes first where the program does not say. Default false, as in Pulumi. */
  readonly deleteBeforeReplace?: boolean;
  /**
   * Whether a create that was cut off may simply be run again, and what it left be deleted by its inputs alone.
   * Default false: the next run only warns that something may be left.
   */
  readonly repeatable?: boolean;
  /** Completes or refuses the inputs before they are compared with the old ones. Also called in previews. */
  check?(inputs: Properties, name: string): Properties;
  create(name: string, inputs: Properties, context: StepContext): Promise<Made>;
  /** Returns the new outputs. Not needed when `replaceOn` is `"all"`. */
  update?(
    id: string,
    olds: Properties,
    inputs: Properties,
    context: StepContext,
  ): Promise<Properties>;
  /** `outputs` are those of the last create or update; of a create that was cut off, its inputs, and the id is empty. */
  delete?(id: string, outputs: Properties, context: StepContext): Promise<void>;
}

/** A provider's function, `openstack:images/getImage:getImage` and the like. Also called in previews. */
export type ProviderFunction = (
  args: Properties,
  context: Pick<StepContext, "projectDir" | "signal">,
) => Promise<Properties>;

/** Types by their token, `command:local:Command` and the like. */
export interface ResourceTypes {
  readonly resources: Readonly<Record<string, ResourceType>>;
  readonly functions?: Readonly<Record<string, ProviderFunction>>;
}
