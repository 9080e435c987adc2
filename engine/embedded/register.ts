/** A resource that the program registers: what is to be done about it, and doing it. */

import { withHashes } from "./assets";
import { changedPaths, ignoreChanges, within, type Path } from "./paths";
import { forcesReplacement, removeBeforeReplace } from "./removal";
import type { ResourceType } from "./resource-type";
import { providerInputs, typeFor, type Run } from "./run";
import type { ResourceState } from "./state-file";
import { defaultProviderUrn, isProviderType, urnOf } from "./urn";
import { hasMark, mapProperties, reveal, secret, SECRET, UNKNOWN, type Properties } from "./values";

/** What the program wants, with the options of the resource. */
export interface Goal {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly custom: boolean;
  readonly inputs: Properties;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  /** Reference (`urn::id`) of an explicit provider, or empty. */
  readonly provider: string;
  /** Of the package. */
  readonly version: string;
  readonly aliases: readonly string[];
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deletedWith: string;
  /** `undefined`: as the type has it. */
  readonly deleteBeforeReplace: boolean | undefined;
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  /** Options in use that this engine does not do. */
  readonly unsupported: readonly string[];
}

export interface Registered {
  readonly urn: string;
  /** Empty: not known yet. */
  readonly id: string;
  readonly outputs: Properties;
}

/** Makes it so. Throws `Stopped` when that fails or the run has failed before. */
export async function register(run: Run, goal: Goal): Promise<Registered> {
  const urn = urnOf(run.identity, goal.parent, goal.type, goal.name);
  run.steps.check(urn);
  run.mask.collect(goal.inputs);
  run.progress.registered(urn, goal.parent);
  try {
    const type = goal.custom ? typeFor(run, goal.type) : undefined;
    const inputs = await acceptedInputs(run, urn, goal, type);
    const old = formerState(run, urn, goal.aliases);
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
  if (goal.unsupported.length > 0) {
    throw new Error(
      `the embedded engine does not do ${goal.unsupported.join(", ")}; use the Pulumi CLI`,
    );
  }
  const inputs = await withHashes(goal.inputs, run.steps.projectDir);
  const checked = type?.check?.(reveal(inputs), goal.name);
  return checked === undefined ? inputs : withSecrets(checked, inputs, []);
}

function formerState(run: Run, urn: string, aliases: readonly string[]): ResourceState | undefined {
  const known = run.ledger.former(urn);
  if (known !== undefined) return known;
  const alias = aliases.find((each) => run.ledger.former(each) !== undefined);
  if (alias === undefined) return undefined;
  run.ledger.rename(alias, urn);
  return run.ledger.former(urn);
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

async function registerCustom(
  run: Run,
  goal: Goal,
  urn: string,
  wanted: Properties,
  old: ResourceState | undefined,
  type: ResourceType,
): Promise<Registered> {
  const oldInputs = old?.inputs ?? {};
  const inputs = old === undefined ? wanted : ignoreChanges(oldInputs, wanted, goal.ignoreChanges);
  const provider = isProviderType(goal.type) ? {} : { provider: providerFor(run, goal) };
  const state = { ...stateOf(goal, urn, old), ...provider, inputs };
  const changed = old === undefined ? [] : changedPaths(oldInputs, inputs);
  const interrupted = run.ledger.cutOff().filter(({ resource }) => resource.urn === urn);

  const finish = async (id: string, made: Properties, modified?: string): Promise<Registered> => {
    const outputs = withSecrets(made, inputs, goal.additionalSecretOutputs);
    run.mask.collect(outputs);
    run.ledger.settle({ ...state, id, outputs, ...(modified !== undefined && { modified }) });
    if (!run.preview) for (const operation of interrupted) run.ledger.forget(operation);
    await run.ledger.save();
    return { urn, id, outputs };
  };

  const operation = decide(run, goal, old, inputs, changed, interrupted.length > 0);
  if (run.preview)
    run.progress.planned(urn, operation, changed.map(([key]) => key ?? "").filter(unique));
  if (operation === "same" && old !== undefined) {
    run.steps.count("same");
    if (!run.preview) run.progress.ended(urn, "same");
    return await finish(old.id ?? "", old.outputs ?? {}, old.modified);
  }

  const before = goal.deleteBeforeReplace ?? type.deleteBeforeReplace ?? false;
  const isGone = old?.pendingReplacement === true;
  if (operation === "replace" && old !== undefined && before && !isGone) {
    await removeBeforeReplace(run, old);
  }
  if (run.preview) {
    run.steps.count(operation);
    const unknown = Object.fromEntries(type.outputs.map((key) => [key, UNKNOWN]));
    return await finish(operation === "update" ? (old?.id ?? "") : "", { ...inputs, ...unknown });
  }

  const plain = reveal(inputs);
  const step = { resource: state, provider: providerInputs(run, state.provider) };
  const now = (): string => new Date().toISOString();
  if (operation === "update" && old !== undefined) {
    const { id = "", outputs = {} } = old;
    const made = await run.steps.take({
      ...step,
      resource: { ...state, id, outputs },
      operation,
      pending: "updating",
      work: async (context) =>
        (await type.update?.(id, reveal(outputs), plain, context)) ?? { ...plain },
    });
    run.steps.count("update");
    return await finish(id, made, now());
  }
  const made = await run.steps.take({
    ...step,
    operation: operation === "replace" ? "create-replacement" : "create",
    pending: "creating",
    work: (context) => type.create(goal.name, plain, context),
  });
  // The old one goes at the end, when all that used it has changed over to the new one.
  const replaced = run.ledger.former(urn);
  if (replaced !== undefined && replaced.pendingReplacement !== true) {
    run.doomed.add(urn);
    run.ledger.amend(replaced, { ...replaced, delete: true });
  }
  run.steps.count(operation);
  return await finish(made.id, made.outputs, now());
}

/** What is to be done about a custom resource. */
function decide(
  run: Run,
  goal: Goal,
  old: ResourceState | undefined,
  inputs: Properties,
  changed: readonly Path[],
  wasInterrupted: boolean,
): "create" | "same" | "update" | "replace" {
  if (old === undefined) return "create";
  if (old.pendingReplacement === true) return "replace";
  const mustReplace =
    forcesReplacement(run, goal.type, old.inputs ?? {}, inputs) ||
    changed.some((path) => goal.replaceOnChanges.some((pattern) => within(path, pattern)));
  if (mustReplace) return "replace";
  // Nobody knows how far an interrupted step got, so it is done again even if nothing has changed since.
  return changed.length > 0 || wasInterrupted ? "update" : "same";
}

/** Reference of the provider of a resource; the default one of its package is made up when it is first needed. */
function providerFor(run: Run, goal: Goal): string {
  if (goal.provider !== "") return goal.provider;
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

/** The fields of the state that come from the program's options. */
function stateOf(goal: Goal, urn: string, old: ResourceState | undefined): ResourceState {
  const { parent, deletedWith, dependencies, propertyDependencies } = goal;
  return {
    urn,
    custom: goal.custom,
    type: goal.type,
    ...(parent !== "" && { parent }),
    ...(goal.protect && { protect: true }),
    ...(goal.retainOnDelete && { retainOnDelete: true }),
    ...(deletedWith !== "" && { deletedWith }),
    ...(dependencies.length > 0 && { dependencies: [...dependencies] }),
    ...(Object.keys(propertyDependencies).length > 0 && {
      propertyDependencies: Object.fromEntries(
        Object.entries(propertyDependencies).map(([key, urns]) => [key, [...urns]]),
      ),
    }),
    ...(goal.additionalSecretOutputs.length > 0 && {
      additionalSecretOutputs: [...goal.additionalSecretOutputs],
    }),
    created: old?.created ?? new Date().toISOString(),
  };
}

/** Plain values with the secret marks that their inputs of the same name have, and on top those of `names`. */
function withSecrets(made: Properties, inputs: Properties, names: readonly string[]): Properties {
  return mapProperties(made, (value, key) => {
    const input = inputs[key];
    const kept = input !== undefined && changedPaths(input, value).length === 0 ? input : value;
    return names.includes(key) || hasMark(input, SECRET) ? secret(kept) : kept;
  });
}

function unique(item: string, index: number, all: readonly string[]): boolean {
  return item !== "" && all.indexOf(item) === index;
}
