/** Deletes resources: dependents first, several at a time. */

import { isReal, typeFor, type Run } from "./run";
import type { PendingOperation, ResourceState } from "./state-file";
import { isDefaultProvider, titleOf } from "./urn";
import { reveal, UNKNOWN, mapProperties, type Properties } from "./values";
import { changedPaths } from "./paths";

/** Whether a resource needs another one for as long as it lives. */
export function dependsOn(resource: ResourceState, urn: string): boolean {
  return (
    resource.parent === urn ||
    resource.deletedWith === urn ||
    (resource.provider?.startsWith(`${urn}::`) ?? false) ||
    (resource.dependencies?.includes(urn) ?? false) ||
    Object.values(resource.propertyDependencies ?? {}).some((urns) => urns.includes(urn))
  );
}

/**
 * Deletes all of `doomed`, which come in an order in which each is after what it depends on. Failures are in the run's
 * steps.
 */
export async function removeAll(run: Run, doomed: readonly ResourceState[]): Promise<void> {
  for (const { urn } of doomed) run.doomed.add(urn);
  const removals = new Map<ResourceState, Promise<void>>();
  const removed = async (resources: readonly ResourceState[]): Promise<void> => {
    for (const resource of resources) await removals.get(resource);
  };
  for (const [index, resource] of [...doomed.entries()].reverse()) {
    const dependents = doomed.slice(index + 1).filter((later) => dependsOn(later, resource.urn));
    removals.set(
      resource,
      removed(dependents).then(() => removeOne(run, resource)),
    );
  }
  await Promise.allSettled(removals.values());
}

async function removeOne(run: Run, resource: ResourceState): Promise<void> {
  const { urn } = resource;
  const operation = resource.delete === true ? "delete-replaced" : "delete";
  // A replaced resource is counted with its replacement, and a made-up provider is nobody's resource.
  const counts =
    operation === "delete" && !isDefaultProvider(urn) && resource.pendingReplacement !== true;
  if (run.preview) {
    if (counts || operation === "delete-replaced") run.progress.planned(urn, operation, []);
  } else if (needsDelete(run, resource)) {
    await carryOutDelete(run, resource, operation);
  } else {
    run.steps.check(urn);
    if (counts) run.progress.ended(urn, operation);
  }
  if (counts) run.steps.count("delete");
  run.ledger.remove(resource);
  await run.ledger.save();
}

function needsDelete(run: Run, resource: ResourceState): boolean {
  return (
    isReal(resource) &&
    resource.pendingReplacement !== true &&
    !(resource.deletedWith !== undefined && run.doomed.has(resource.deletedWith))
  );
}

async function carryOutDelete(
  run: Run,
  resource: ResourceState,
  operation: "delete" | "delete-replaced",
): Promise<void> {
  await run.steps.take({
    resource,
    operation,
    pending: "deleting",
    work: async (context) => {
      const outputs = reveal(resource.outputs ?? resource.inputs ?? {});
      await typeFor(run, resource.type).delete?.(resource.id ?? "", outputs, context);
    },
  });
}

/**
 * Deletes a resource that a new one will follow under the same name, with all that cannot live on with a new one
 * in its place; these are made anew when the program comes to them.
 */
export async function removeBeforeReplace(run: Run, root: ResourceState): Promise<void> {
  const replaced = [root, ...dependentsToReplace(run, root)];
  for (const { urn } of replaced) run.doomed.add(urn);
  for (const resource of replaced.reverse()) {
    if (!run.preview && needsDelete(run, resource)) {
      await carryOutDelete(run, resource, "delete-replaced");
    }
    run.ledger.amend(resource, { ...resource, pendingReplacement: true });
    await run.ledger.save();
  }
}

/**
 * Those of the dependents that must be replaced because what they are made of becomes unknown with the root
 * (pulumi/pulumi `pkg/resource/deploy/step_generator.go`, `calculateDependentReplacements`).
 */
function dependentsToReplace(run: Run, root: ResourceState): readonly ResourceState[] {
  const replaced = new Set([root.urn]);
  const later = run.ledger.remaining().filter((resource) => {
    if (resource.urn === root.urn || !isReal(resource) || resource.delete === true) return false;
    if (resource.pendingReplacement === true) return false;
    const inputs = resource.inputs ?? {};
    const unsettled: Properties = mapProperties(inputs, (value, key) =>
      resource.propertyDependencies?.[key]?.some((urn) => replaced.has(urn)) ? UNKNOWN : value,
    );
    const mustGo = forcesReplacement(run, resource.type, inputs, unsettled);
    if (mustGo) replaced.add(resource.urn);
    return mustGo;
  });
  return later;
}

/** Whether a change of inputs makes a new resource by the type's own rules. */
export function forcesReplacement(
  run: Run,
  token: string,
  olds: Properties,
  news: Properties,
): boolean {
  const { replaceOn = [] } = typeFor(run, token);
  const changed = changedPaths(olds, news);
  return replaceOn === "all"
    ? changed.length > 0
    : changed.some(([key]) => replaceOn.includes(key ?? ""));
}

/**
 * Deals with the creates that an earlier run had begun and nobody has repeated: what they may have left is deleted
 * where that can be done by the inputs alone, and told where not.
 */
export async function removeCutOff(run: Run): Promise<void> {
  for (const operation of run.ledger.cutOff()) {
    if (run.steps.failed()) return;
    await removeRemains(run, operation).catch(() => undefined);
  }
  await run.ledger.save();
}

async function removeRemains(run: Run, operation: PendingOperation): Promise<void> {
  const { resource, type } = operation;
  const { urn, inputs = {} } = resource;
  const token = run.types.resources[resource.type];
  if (type === "creating" && isReal(resource)) {
    if (token?.repeatable === true) {
      if (run.preview) return;
      await carryOutDelete(run, { ...resource, id: "", outputs: inputs }, "delete");
    } else {
      run.progress.note(
        `warning: ${titleOf(urn)} may exist: an earlier run was cut off while making it. Look for it by hand`,
      );
    }
  }
  run.ledger.forget(operation);
}
