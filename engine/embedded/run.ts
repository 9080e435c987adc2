/** What the parts of one run share. */

import type { Mask } from "../mask";
import type { Progress } from "../progress/types";
import type { Ledger } from "./ledger";
import type { ResourceType, ResourceTypes } from "./resource-type";
import type { ResourceState } from "./state-file";
import type { Steps } from "./steps";
import { isProviderType, type StackIdentity } from "./urn";
import type { Properties } from "./values";

export interface Run {
  readonly identity: StackIdentity;
  /** Nothing is done and nothing is written; what is not known stays unknown. */
  readonly preview: boolean;
  readonly ledger: Ledger;
  readonly steps: Steps;
  readonly mask: Mask;
  readonly progress: Progress;
  readonly types: ResourceTypes;
  /** URNs that the program has registered. */
  readonly registered: Set<string>;
  /** URNs that this run deletes or replaces, for `deletedWith`. */
  readonly doomed: Set<string>;
  /** Outputs of components by URN, the stack's among them: they are the resource's own once the run has ended well. */
  readonly outputs: Map<string, Properties>;
}

/** The type of a custom resource; throws when the embedded engine does not know it. */
export function typeFor(run: Run, token: string): ResourceType {
  const type = run.types.resources[token];
  if (type !== undefined) return type;
  throw new Error(
    `the embedded engine cannot make ${token}, only ${Object.keys(run.types.resources).join(", ")}; use the Pulumi CLI`,
  );
}

/** Whether a resource is something out there, and not only an entry in the state. */
export function isReal(resource: ResourceState): boolean {
  return resource.custom && !isProviderType(resource.type);
}
