/** A resource that the program registers: what is to be done about it, and doing it. */

import { withHashes } from "./assets";
import { registerCustom } from "./custom-resource";
import { stateOf, unsupportedMessage, withSecrets, type Goal, type Registered } from "./goal";
import type { ResourceType } from "./resource-type";
import { typeFor, type Run } from "./run";
import type { ResourceState } from "./state-file";
import { urnOf } from "./urn";
import { reveal, type Properties } from "./values";

/** Makes it so. Throws `Stopped` when that fails or the run has failed before. */
export async function register(run: Run, goal: Goal): Promise<Registered> {
  const urn = urnOf(run.identity, goal.parent, goal.type, goal.name);
  run.steps.check(urn);
  run.mask.collect(goal.inputs);
  run.progress.registered(urn, goal.parent);
  try {
    if (goal.unsupported.length > 0) throw new Error(unsupportedMessage(goal.unsupported));
    const type = goal.custom ? typeFor(run, goal.type) : undefined;
    const inputs = await acceptedInputs(run, urn, goal, type);
    const old = run.ledger.former(urn);
    return type === undefined
      ? registerComponent(run, goal, urn, inputs, old)
      : await registerCustom(run, goal, urn, inputs, old, type);
  } catch (error) {
    if (run.steps.failed()) throw error;
    const message = error instanceof Error ? error.message : String(error);
    run.progress.ended(urn, "create", message);
    throw run.steps.fail({ urn, message });
  }
}

async function acceptedInputs(
  run: Run,
  urn: string,
  goal: Goal,
  type: ResourceType | undefined,
): Promise<Properties> {
  if (run.registered.has(urn)) {
    throw new Error("two resources of this type have this name: give one of them another name");
  }
  run.registered.add(urn);
  const inputs = await withHashes(goal.inputs, run.steps.projectDir);
  const checked = type?.check?.(reveal(inputs), goal.name);
  return checked === undefined ? inputs : withSecrets(checked, inputs, []);
}

function registerComponent(
  run: Run,
  goal: Goal,
  urn: string,
  inputs: Properties,
  old: ResourceState | undefined,
): Registered {
  const operation = old === undefined ? "create" : "same";
  run.ledger.settle({ ...stateOf(goal, urn, old), inputs, outputs: old?.outputs ?? {} });
  run.steps.count(operation);
  if (run.preview) run.progress.planned(urn, operation, []);
  else run.progress.ended(urn, operation);
  return { urn, id: "", outputs: {} };
}
