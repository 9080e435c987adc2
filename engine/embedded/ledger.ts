/** What a stack holds while a run goes on: what was there, what has been settled, what is under way. */

import { writeState } from "./state-file";
import type { PendingOperation, ResourceState, StackState } from "./state-file";
import type { Crypter } from "./passphrase";

export interface Ledger {
  /** What an earlier run had begun and never ended, as far as it has not been dealt with. */
  cutOff(): readonly PendingOperation[];
  /** The resource as the state knew it, unless this run has settled it already. */
  former(urn: string): ResourceState | undefined;
  /** The resource as this run has settled it. */
  settled(urn: string): ResourceState | undefined;
  /** Everything, in an order in which each comes after what it depends on. */
  all(): readonly ResourceState[];
  /** What this run has not settled: to be deleted when the program has ended well. */
  remaining(): readonly ResourceState[];

  /** The resource is as given from now on, and comes after all that were settled before. */
  settle(resource: ResourceState): void;
  /** Replaces the entry of a resource where it stands. */
  amend(old: ResourceState, changed: ResourceState): void;
  remove(resource: ResourceState): void;
  begin(operation: PendingOperation): void;
  end(operation: PendingOperation): void;
  /** An operation that was cut off has been repeated or given up. */
  forget(operation: PendingOperation): void;

  /** Writes the state if it is another than what was last written. */
  save(): Promise<void>;
}

/**
 * @param file where `save` writes; `undefined` in a preview, which saves nothing.
 * @param crypter called with the first save only: deriving the key takes its time.
 */
export function createLedger(
  initial: StackState,
  file: string | undefined,
  crypter: () => Promise<Crypter>,
): Ledger {
  let olds = [...initial.resources];
  let news: ResourceState[] = [];
  let left = [...initial.pending];
  let running: PendingOperation[] = [];
  const state = (): StackState => ({
    resources: [...news, ...olds],
    pending: [...left, ...running],
  });
  let written = contentOf(initial);

  return {
    cutOff: () => left,
    former: (urn) => olds.find((item) => item.urn === urn && item.delete !== true),
    settled: (urn) => news.find((item) => item.urn === urn),
    all: () => [...news, ...olds],
    remaining: () => olds,

    settle(resource) {
      olds = olds.filter((item) => item.urn !== resource.urn || item.delete === true);
      news.push(resource);
    },
    amend(old, changed) {
      const amended = (item: ResourceState) => (item === old ? changed : item);
      olds = olds.map(amended);
      news = news.map(amended);
    },
    remove(resource) {
      olds = olds.filter((item) => item !== resource);
      news = news.filter((item) => item !== resource);
    },
    begin(operation) {
      const { urn } = operation.resource;
      left = left.filter(({ resource, type }) => resource.urn !== urn || type !== operation.type);
      running.push(operation);
    },
    end(operation) {
      running = running.filter((item) => item !== operation);
    },
    forget(operation) {
      left = left.filter((item) => item !== operation);
    },
    async save() {
      if (file === undefined) return;
      const key = await crypter();
      // Taken and written in one go: what is written is what holds now, also when saves overlap.
      const current = state();
      const content = contentOf(current);
      if (content === written) return;
      writeState(file, current, key);
      written = content;
    },
  };
}

/** What a state says, whatever the order in which the program came to its resources. */
function contentOf({ resources, pending }: StackState): string {
  const sorted = (_key: string, item: unknown): unknown =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item;
  return [
    resources.map((item) => JSON.stringify(item, sorted)).sort(),
    JSON.stringify(pending, sorted),
  ].join("\n");
}
