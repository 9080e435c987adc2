/** A custom resource: whether it is made, changed, replaced or left as it is, and doing that. */

import { stateOf, withSecrets, type Goal, type Registered } from "./goal";
import { changedPaths, ignoreChanges, within, type Path } from "./paths";
import { forcesReplacement, removeBeforeReplace } from "./removal";
import type { ResourceType } from "./resource-type";
import type { Run } from "./run";
import type { PendingOperation, ResourceState } from "./state-file";
import { defaultProviderUrn } from "./urn";
import { reveal, UNKNOWN, type Properties } from "./values";

/** A custom resource whose options have been read: what it was and what it is to be. */
interface Change {
  readonly run: Run;
  readonly goal: Goal;
  readonly type: ResourceType;
  readonly old: ResourceState | undefined;
  /** As it is to be, but for its id and outputs. */
  readonly state: ResourceState;
  readonly inputs: Properties;
  readonly changed: readonly Path[];
  /** What an earlier run had begun on it and never ended. */
  readonly interrupted: readonly PendingOperation[];
}

/** Makes it so, or plans it. Throws `Stopped` when the run has failed before, the error of its type when that fails. */
export async function registerCustom(
  run: Run,
  goal: Goal,
  urn: string,
  wanted: Properties,
  old: ResourceState | undefined,
  type: ResourceType,
): Promise<Registered> {
  const oldInputs = old?.inputs ?? {};
  const inputs = old === undefined ? wanted : ignoreChanges(oldInputs, wanted, goal.ignoreChanges);
  const state = { ...stateOf(goal, urn, old), provider: providerFor(run, goal), inputs };
  const changed = old === undefined ? [] : changedPaths(oldInputs, inputs);
  const interrupted = run.ledger.cutOff().filter(({ resource }) => resource.urn === urn);
  const change: Change = { run, goal, type, old, state, inputs, changed, interrupted };

  const operation = decide(change);
  if (run.preview)
    run.progress.planned(urn, operation, changed.map(([key]) => key ?? "").filter(unique));
  if (operation === "same" && old !== undefined) {
    run.steps.count("same");
    if (!run.preview) run.progress.ended(urn, "same");
    return await finish(change, old.id ?? "", old.outputs ?? {}, old.modified);
  }

  const before = goal.deleteBeforeReplace ?? type.deleteBeforeReplace ?? false;
  const isGone = old?.pendingReplacement === true;
  if (operation === "replace" && old !== undefined && before && !isGone) {
    await removeBeforeReplace(run, old);
  }
  if (run.preview) {
    run.steps.count(operation);
    const unknown = Object.fromEntries(type.outputs.map((key) => [key, UNKNOWN]));
    const id = operation === "update" ? (old?.id ?? "") : "";
    return await finish(change, id, { ...inputs, ...unknown });
  }
  return operation === "update" && old !== undefined
    ? await update(change, old)
    : await create(change, operation === "replace" ? "replace" : "create");
}

async function update(change: Change, old: ResourceState): Promise<Registered> {
  const { run, type, state } = change;
  const { id = "", outputs = {} } = old;
  const plain = reveal(change.inputs);
  const made = await run.steps.take({
    resource: { ...state, id, outputs },
    operation: "update",
    pending: "updating",
    work: async (context) =>
      (await type.update?.(id, reveal(outputs), plain, context)) ?? { ...plain },
  });
  run.steps.count("update");
  return await finish(change, id, made, new Date().toISOString());
}

async function create(change: Change, operation: "create" | "replace"): Promise<Registered> {
  const { run, goal, type, state } = change;
  const plain = reveal(change.inputs);
  const made = await run.steps.take({
    resource: state,
    operation: operation === "replace" ? "create-replacement" : "create",
    pending: "creating",
    work: (context) => type.create(goal.name, plain, context),
  });
  // The old one goes at the end, when all that used it has changed over to the new one.
  const replaced = run.ledger.former(state.urn);
  if (replaced !== undefined && replaced.pendingReplacement !== true) {
    run.doomed.add(state.urn);
    run.ledger.amend(replaced, { ...replaced, delete: true });
  }
  run.steps.count(operation);
  return await finish(change, made.id, made.outputs, new Date().toISOString());
}

/** Puts a resource into the ledger as it is now. @param modified when it was made or changed; undefined in a preview */
async function finish(
  { run, goal, state, inputs, interrupted }: Change,
  id: string,
  made: Properties,
  modified?: string,
): Promise<Registered> {
  const outputs = withSecrets(made, inputs, goal.additionalSecretOutputs);
  run.mask.collect(outputs);
  run.ledger.settle({ ...state, id, outputs, ...(modified !== undefined && { modified }) });
  if (!run.preview) for (const operation of interrupted) run.ledger.forget(operation);
  await run.ledger.save();
  return { urn: state.urn, id, outputs };
}

/** What is to be done about a custom resource. */
function decide(change: Change): "create" | "same" | "update" | "replace" {
  const { run, goal, old, inputs, changed, interrupted } = change;
  if (old === undefined) return "create";
  if (old.pendingReplacement === true) return "replace";
  const mustReplace =
    forcesReplacement(run, goal.type, old.inputs ?? {}, inputs) ||
    changed.some((path) => goal.replaceOnChanges.some((pattern) => within(path, pattern)));
  if (mustReplace) return "replace";
  // Nobody knows how far an interrupted step got, so it is done again even if nothing has changed since.
  return changed.length > 0 || interrupted.length > 0 ? "update" : "same";
}

/** Reference (`urn::id`) of the provider of a resource: the default one of its package, made up when it is first needed. */
function providerFor(run: Run, goal: Goal): string {
  const [packageName = ""] = goal.type.split(":");
  const urn = defaultProviderUrn(run.identity, packageName, goal.version);
  const known = run.ledger.settled(urn);
  if (known !== undefined) return `${urn}::${known.id ?? ""}`;
  const inputs = goal.version === "" ? {} : { version: goal.version };
  const provider = run.ledger.former(urn) ?? {
    urn,
    custom: true,
    type: `pulumi:providers:${packageName}`,
    id: crypto.randomUUID(),
    inputs,
    outputs: inputs,
  };
  run.ledger.settle(provider);
  return `${urn}::${provider.id ?? ""}`;
}

function unique(item: string, index: number, all: readonly string[]): boolean {
  return item !== "" && all.indexOf(item) === index;
}
