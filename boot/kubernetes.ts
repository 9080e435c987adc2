/** Whether a Kubernetes API server comes up on a clone, and lists exactly what the file holds. */
import type { Check } from "../etcd/report/report";
import { counted, duration } from "../etcd/wire/figures";
import { ApiError, type ApiClient } from "./api-client";
import type { ApiServer } from "./api-server";
import {
  compareResource,
  untilCached,
  type ObjectDifference,
  type ResourceComparison,
} from "./compare";
import { definitionChecks, establishedCheck, versionFor } from "./definition-checks";
import type { ServedResource } from "./discovery";
import { type Expectation, NAMED } from "./file-checks";
import { shown, type StoredResource } from "./objects";

/** Figures of a comparison. */
export interface KubernetesFigures {
  /** `1.35.4` */
  readonly version: string;
  /** How the version was told: `kubeadm`, `setting`, … */
  readonly versionFrom: string;
  /** Seconds until /readyz said ok. */
  readonly readySeconds: number;
  /** Seconds of listing and comparing. */
  readonly listSeconds: number;
  /** Objects of the file, and those that are exactly so. */
  readonly expected: number;
  readonly same: number;
  /** Resources with objects. */
  readonly resources: number;
  readonly differences: number;
  /** The first 100. */
  readonly details: readonly ObjectDifference[];
}

const DETAILS = 100;
/** Not stored: computed when asked. And `events.events.k8s.io` lists what `events` does. */
const NOT_STORED = ["componentstatuses", "events.events.k8s.io"];

/** The check that the API server got ready. */
export function readyCheck(server: ApiServer, version: string, machine?: string): Check {
  const check = { id: "kubernetes-ready", title: "kube-apiserver gets ready", expected: "ready" };
  if (server.ready) {
    const where = machine === undefined ? "" : ` on ${machine}`;
    const found = `${version} after ${duration(server.seconds)}${where}`;
    return { ...check, verdict: "pass", found };
  }
  const found = `not after ${duration(server.seconds)}`;
  const reason = `kube-apiserver ${version}: ${server.missing.slice(0, NAMED).join(", ")}`;
  return { ...check, verdict: "fail", found, reason };
}

/** What the listing found. */
export interface Listing {
  readonly checks: readonly Check[];
  readonly expected: number;
  readonly same: number;
  readonly resources: number;
  readonly differences: readonly ObjectDifference[];
}

/** Lists every resource and compares; `tell` is given what is done. */
export async function listAndCompare(
  client: ApiClient,
  expectation: Expectation,
  tell: (line: string) => void,
): Promise<Listing> {
  const { definitions } = expectation;
  const { problem: notEstablished, served } = await establishedCheck(client, definitions);
  const stored = resourcesOf(expectation);
  const differences: ObjectDifference[] = [];
  const [refused, open, unserved]: [string[], string[], string[]] = [[], [], []];
  let [expected, same, done] = [0, 0, 0];
  const names = [...new Set([...stored.keys(), ...served.keys()])].sort();
  for (const name of names.filter((each) => !NOT_STORED.includes(each))) {
    done += 1;
    tell(`listing ${name} (${done} of ${names.length} resources)`);
    const comparison = await compareOne(
      client,
      name,
      stored.get(name),
      served.get(name),
      expectation,
    );
    if (typeof comparison === "string") {
      open.push(comparison);
      continue;
    }
    expected += comparison.expected;
    same += comparison.same;
    for (const difference of comparison.differences) differences.push(difference);
    if (comparison.refused !== undefined) refused.push(comparison.refused);
    if (!served.has(name)) unserved.push(name);
  }
  const checks = [
    objectsCheck({ expected, same, differences, refused }, stored.size),
    ...definitionChecks(definitions, expectation.main.stored, notEstablished, unserved),
    ...openCheck(open),
  ];
  return { checks, expected, same, resources: stored.size, differences };
}

/** What came of one resource; a text says why it cannot be asked for. */
async function compareOne(
  client: ApiClient,
  name: string,
  entry: StoredResource | undefined,
  resource: ServedResource | undefined,
  { main, events, definitions }: Expectation,
): Promise<ResourceComparison | string> {
  const count = counted(entry?.objects.size ?? 0, "object");
  if (resource === undefined) {
    if (definitions.aggregated.some(({ group }) => group === entry?.group)) {
      return `${name} (${count}): another API server serves them`;
    }
    const differences = [...(entry?.objects.keys() ?? [])].map(
      (object) => ({ resource: name, name: object, difference: "missing" }) as const,
    );
    return { expected: differences.length, same: 0, differences, refused: `no API serves ${name}` };
  }
  const version = versionFor(resource, definitions.resources.get(name), entry);
  if (version === undefined) return `${name} (${count}): a webhook converts them`;
  const { revision } = (name === "events" && events ? events : main).snapshot;
  const comparison = await compareResource(client, name, resource, version, entry, revision);
  try {
    await untilCached(client, resource, version);
    return comparison;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return {
      ...comparison,
      refused: comparison.refused ?? `its cache does not fill: ${error.message}`,
    };
  }
}

/** Events come from their own store where there is one. */
function resourcesOf({ main, events }: Expectation): ReadonlyMap<string, StoredResource> {
  const resources = new Map(main.stored.resources);
  if (events === undefined) return resources;
  const own = events.stored.resources.get("events");
  if (own === undefined) resources.delete("events");
  else resources.set("events", own);
  return resources;
}

/** The check of an API server that stopped to answer. */
export function goneCheck(reason: string): Check {
  const check = { id: "kubernetes-objects", title: "The API lists every object", source: "file" };
  return { ...check, verdict: "fail", found: "it answers no more", reason };
}

function objectsCheck(
  found: {
    readonly expected: number;
    readonly same: number;
    readonly differences: readonly ObjectDifference[];
    readonly refused: readonly string[];
  },
  resources: number,
): Check {
  const { expected, same, differences, refused } = found;
  const check = {
    ...{ id: "kubernetes-objects", title: "The API lists every object", source: "file" },
    expected: `${counted(expected, "object")} of ${counted(resources, "resource")}`,
    found: `${same === expected ? "the same" : counted(same, "object")} as in the file`,
  };
  if (differences.length === 0 && refused.length === 0) return { ...check, verdict: "pass" };
  const named = differences.slice(0, NAMED).map(differenceText);
  const more = differences.length - named.length;
  const reasons = [...named, ...(more > 0 ? [`and ${more} more`] : []), ...refused.slice(0, NAMED)];
  return { ...check, verdict: "fail", reason: reasons.join("; ") };
}

/** `missing: configmaps shop/web-config`. */
export function differenceText({ resource, name, difference, fields }: ObjectDifference): string {
  const what = fields === undefined ? difference : `${difference} (${fields.join(", ")})`;
  return `${what}: ${resource} ${shown(name)}`;
}

/** What could not be asked, each with its reason; nothing where all was. */
function openCheck(open: readonly string[]): readonly Check[] {
  if (open.length === 0) return [];
  const check = { id: "kubernetes-not-asked", title: "Objects that could not be asked for" };
  return [{ ...check, verdict: "not-checked", reason: open.join("; ") }];
}

/** What the report holds of the listing. */
export function figuresOf(
  listing: Listing,
  about: Pick<KubernetesFigures, "version" | "versionFrom" | "readySeconds" | "listSeconds">,
): KubernetesFigures {
  const { expected, same, resources, differences } = listing;
  const details = differences.slice(0, DETAILS);
  return { ...about, expected, same, resources, differences: differences.length, details };
}
