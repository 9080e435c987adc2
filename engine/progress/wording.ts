/** The words and signs of both kinds of progress. */

import type { Operation, Summary } from "./types";

interface Words {
  readonly sign: string;
  readonly doing: string;
  readonly done: string;
  readonly wouldBe: string;
}

const WORDS: Readonly<Record<Operation, Words>> = {
  create: { sign: "+", doing: "creating", done: "created", wouldBe: "to create" },
  update: { sign: "~", doing: "updating", done: "updated", wouldBe: "to update" },
  replace: { sign: "±", doing: "replacing", done: "replaced", wouldBe: "to replace" },
  "create-replacement": {
    sign: "±",
    doing: "creating its replacement",
    done: "replacement created",
    wouldBe: "to create anew",
  },
  "delete-replaced": {
    sign: "±",
    doing: "deleting what was replaced",
    done: "deleted what was replaced",
    wouldBe: "to delete once replaced",
  },
  delete: { sign: "-", doing: "deleting", done: "deleted", wouldBe: "to delete" },
  same: { sign: " ", doing: "checking", done: "unchanged", wouldBe: "unchanged" },
};

export function wordsFor(operation: Operation): Words {
  return WORDS[operation];
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}

/** `command:local:Command restore` out of a URN. */
export function label(urn: string): string {
  const [, , types = "", ...name] = urn.split("::");
  return `${types.slice(types.lastIndexOf("$") + 1)} ${name.join("::")}`;
}

/** The one line at the end. */
export function summaryLine({ verb, ok, changes, seconds: took }: Summary): string {
  const isPreview = verb === "preview";
  const counted = (["create", "update", "replace", "delete", "same"] as const)
    .map((operation) => ({ operation, count: changes[operation] ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ operation, count }) => {
      const { done, wouldBe } = wordsFor(operation);
      return `${count} ${isPreview ? wouldBe : done}`;
    });
  const time = `in ${seconds(took * 1000)}`;
  if (!ok) {
    // The first resource is always the stack itself. Alone it is nothing that was made for the user.
    const steps = Object.values(changes).reduce((sum, count) => sum + count, 0);
    const onlyTheStack = steps === 1 && (changes.create === 1 || changes.same === 1);
    const made = steps === 0 || onlyTheStack ? "nothing was changed" : counted.join(", ");
    return `${verb} failed ${time}: ${made}`;
  }
  const changed = Object.entries(changes).some(([name, count]) => name !== "same" && count > 0);
  if (changed) return `${verb}: ${counted.join(", ")} ${time}`;
  if (verb === "destroy") return `destroy: nothing was there ${time}`;
  const same = changes.same ?? 0;
  return `${verb}: nothing ${isPreview ? "would change" : "changed"} (${same} unchanged) ${time}`;
}
