/**
 * What the file alone tells of its objects, before any API server is asked: each under its own key, each in a namespace
 * that is there.
 */
import type { Check } from "../etcd/report/report";
import type { Snapshot } from "../etcd/snapshot/types";
import { counted } from "../etcd/wire/figures";
import type { Definitions } from "./definitions";
import { shown, type StoredObjects } from "./objects";

/** The backup of one etcd, and the objects in it. */
export interface Store {
  readonly snapshot: Snapshot;
  readonly stored: StoredObjects;
}

/** What the API server is compared with. */
export interface Expectation {
  readonly main: Store;
  /** The events' own etcd; where there is one, the main one's events are read by nobody. */
  readonly events?: Store | undefined;
  readonly definitions: Definitions;
}

export const NAMED = 5;

/** What the file alone tells of its objects: each under its own key, each in a namespace that is there. */
export function fileChecks({ main, events }: Expectation): readonly Check[] {
  const stores = [main, ...(events === undefined ? [] : [events])];
  const count = stores.reduce((sum, { stored }) => sum + stored.count, 0);
  const misplaced = stores.flatMap(({ stored }) => stored.misplaced);
  const keys: Check = {
    ...{ id: "kubernetes-keys", title: "Objects lie under their own keys", source: "file" },
    verdict: misplaced.length === 0 ? "pass" : "fail",
    expected: counted(count, "object"),
    found: misplaced.length === 0 ? "each under its key" : `${misplaced.length} not so`,
    ...(misplaced.length > 0 && {
      reason: misplaced
        .slice(0, NAMED)
        .map(({ resource, name, problem }) => `${resource} ${shown(name)}: ${problem}`)
        .join("; "),
    }),
  };
  return [keys, namespacesCheck(main.stored)];
}

function namespacesCheck(stored: StoredObjects): Check {
  const there = stored.resources.get("namespaces")?.objects;
  const counts = new Map<string, number>();
  const eventsOnly = new Set<string>();
  for (const [resource, { objects }] of stored.resources) {
    for (const name of objects.keys()) {
      const namespace = name.split("/")[0] ?? "";
      if (namespace === "" || there?.has(`/${namespace}`) === true) continue;
      // An event may come a moment after the end of what it is about, and goes by itself.
      if (resource === "events") eventsOnly.add(namespace);
      else counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
    }
  }
  const check = { id: "kubernetes-namespaces", title: "Every namespace is there", source: "file" };
  const expected = counted(there?.size ?? 0, "namespace");
  if (counts.size > 0) {
    const named = [...counts]
      .slice(0, NAMED)
      .map(([name, n]) => `${name} (${counted(n, "object")})`);
    const found = `${counts.size} missing`;
    return { ...check, verdict: "fail", expected, found, reason: `missing: ${named.join(", ")}` };
  }
  if (eventsOnly.size > 0) {
    const reason = `only events are left of: ${[...eventsOnly].slice(0, NAMED).join(", ")}; they run out`;
    return { ...check, verdict: "explained", expected, found: "all but those of events", reason };
  }
  return { ...check, verdict: "pass", expected, found: "all that objects are in" };
}
