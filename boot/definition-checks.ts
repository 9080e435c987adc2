/** Whether custom resources can be used: their definitions established, and every version that they are stored in served. */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Check } from "../etcd/report/report";
import { counted } from "../etcd/wire/figures";
import type { ApiClient } from "./api-client";
import type { Definition, Definitions } from "./definitions";
import { discover, type ServedResource } from "./discovery";
import { shown, type StoredObjects, type StoredResource } from "./objects";

const LIST = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** How long an API server may take to serve what is defined; it does so within seconds. */
const SERVE_LIMIT_MS = 30_000;
const PAUSE_MS = 250;
const NAMED = 5;

const CustomResourceDefinitions = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      status: z
        .object({
          conditions: z
            .array(z.object({ type: z.string(), status: z.string() }))
            .nullable()
            .default([]),
        })
        .default({ conditions: [] }),
    }),
  ),
});

/** What the server serves once its custom resources are there, and the definitions that are not established by then. */
export async function establishedCheck(
  client: ApiClient,
  { resources }: Definitions,
): Promise<{
  readonly served: ReadonlyMap<string, ServedResource>;
  readonly problem: readonly string[];
}> {
  const until = Date.now() + SERVE_LIMIT_MS;
  for (;;) {
    const established = await establishedNow(client);
    const served = await discover(client);
    const problem = [...resources.values()].flatMap(({ name, versions }) => {
      if (!established.has(name)) return [`${name} is not established`];
      const isServed = [...versions.values()].some((version) => version.served);
      return isServed && !served.has(name) ? [`${name} is not in discovery`] : [];
    });
    if (problem.length === 0 || Date.now() > until) return { served, problem };
    await delay(PAUSE_MS);
  }
}

async function establishedNow(client: ApiClient): Promise<ReadonlySet<string>> {
  const { items } = CustomResourceDefinitions.parse(await client.json(LIST));
  return new Set(
    items
      .filter(({ status }) =>
        (status.conditions ?? []).some(
          ({ type, status: is }) => type === "Established" && is === "True",
        ),
      )
      .map(({ metadata }) => metadata.name),
  );
}

/**
 * The version to list a resource in. Where a webhook converts, the one that all objects are stored in, which needs no
 * conversion; undefined where there is none such.
 */
export function versionFor(
  { versions }: ServedResource,
  definition: Definition | undefined,
  stored: StoredResource | undefined,
): string | undefined {
  if (definition?.needsWebhook !== true || stored === undefined) return versions[0];
  const inUse = [...versionsIn(stored).keys()];
  return inUse.length === 1 ? versions.find((version) => version === inUse[0]) : undefined;
}

/** In which versions the objects of a resource are stored, each with the name of the first. */
function versionsIn({ objects }: StoredResource): ReadonlyMap<string, string> {
  const first = new Map<string, string>();
  for (const [name, { apiVersion }] of objects) {
    const version = apiVersion.split("/").at(-1) ?? "";
    if (version !== "" && !first.has(version)) first.set(version, name);
  }
  return first;
}

/** Whether a resource is of a group that is none of Kubernetes' own: those need no definition. */
function isCustom(name: string): boolean {
  return name.split(".").length > 2 && !name.endsWith(".k8s.io");
}

/**
 * The check of the custom resources; none where the store has no definition and no need of one.
 * @param unserved resources of the file that no API serves
 */
export function definitionChecks(
  { resources }: Definitions,
  stored: StoredObjects,
  notEstablished: readonly string[],
  unserved: readonly string[],
): readonly Check[] {
  const lost = unserved.filter((name) => isCustom(name) && !resources.has(name));
  if (resources.size === 0 && lost.length === 0) return [];
  const problems = [...notEstablished, ...lost.map((name) => `${name} has no definition`)];
  for (const [name, { versions, storedVersions }] of resources) {
    const entry = stored.resources.get(name);
    const inUse = entry === undefined ? new Map<string, string>() : versionsIn(entry);
    for (const version of new Set([...storedVersions, ...inUse.keys()])) {
      const known = versions.get(version);
      if (known?.served === true) continue;
      const how = known === undefined ? "is not defined any more" : "is not served";
      const object = inUse.get(version);
      const what = object === undefined ? "" : ` (${shown(object)})`;
      problems.push(`${name}: storage version ${version} ${how}${what}`);
    }
  }
  const check = {
    ...{ id: "kubernetes-crds", title: "Custom resources are served", source: "file" },
    expected: `${counted(resources.size, "definition")} established`,
  };
  if (problems.length === 0) return [{ ...check, verdict: "pass", found: "all, in every version" }];
  const reason = problems.slice(0, NAMED).join("; ");
  return [{ ...check, verdict: "fail", found: counted(problems.length, "problem"), reason }];
}
