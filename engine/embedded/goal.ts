/** What a program wants of one resource, and what the state keeps of that. */

import { changedPaths } from "./paths";
import type { ResourceState } from "./state-file";
import { hasMark, mapProperties, secret, SECRET, type Properties } from "./values";

/** What the program wants, with the options of the resource. */
export interface Goal {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly custom: boolean;
  readonly inputs: Properties;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
  /** Of the package. */
  readonly version: string;
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

/** @param what as a program names it: the option `protect` */
export function unsupportedMessage(what: readonly string[]): string {
  return `the embedded engine does not do ${what.join(", ")}; use the Pulumi CLI`;
}

/** The fields of the state that come from the program's options. */
export function stateOf(goal: Goal, urn: string, old: ResourceState | undefined): ResourceState {
  const { parent, deletedWith, dependencies, propertyDependencies } = goal;
  return {
    urn,
    custom: goal.custom,
    type: goal.type,
    ...(parent !== "" && { parent }),
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
export function withSecrets(
  made: Properties,
  inputs: Properties,
  names: readonly string[],
): Properties {
  return mapProperties(made, (value, key) => {
    const input = inputs[key];
    const kept = input !== undefined && changedPaths(input, value).length === 0 ? input : value;
    return names.includes(key) || hasMark(input, SECRET) ? secret(kept) : kept;
  });
}
