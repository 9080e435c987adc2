/** What an API server serves: its resources, by Kubernetes' aggregated discovery (KEP-3352). */
import { z } from "zod";
import type { ApiClient } from "./api-client";
import { resourceName } from "./objects";

/** A resource that can be listed. */
export interface ServedResource {
  readonly group: string;
  readonly resource: string;
  /** Versions in which it can be listed, the preferred one first. */
  readonly versions: readonly string[];
}

const Version = z.object({
  version: z.string(),
  resources: z
    .array(z.object({ resource: z.string(), verbs: z.array(z.string()).default([]) }))
    .default([]),
});
const Groups = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string().default("") }).default({ name: "" }),
      versions: z.array(Version).default([]),
    }),
  ),
});

/** v2 is of 1.30 and later; 1.27 to 1.29 know it as v2beta1. */
const ACCEPT = ["v2", "v2beta1"]
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(",");

/** Every resource that can be listed, by `resource.group`. Throws ApiError; a ZodError where the answer is none. */
export async function discover(client: ApiClient): Promise<ReadonlyMap<string, ServedResource>> {
  const found = new Map<string, ServedResource & { readonly versions: string[] }>();
  for (const path of ["/api", "/apis"]) {
    const { items } = Groups.parse(await client.json(path, ACCEPT));
    for (const { metadata, versions } of items) {
      const group = metadata.name;
      for (const { version, resources } of versions) {
        for (const { resource, verbs } of resources) {
          if (!verbs.includes("list")) continue;
          const name = resourceName(resource, group);
          const entry = found.get(name) ?? { group, resource, versions: [] };
          entry.versions.push(version);
          found.set(name, entry);
        }
      }
    }
  }
  return found;
}

/** Path of the list of a resource in one of its versions. */
export function listPath({ group, resource }: ServedResource, version: string): string {
  return group === "" ? `/api/${version}/${resource}` : `/apis/${group}/${version}/${resource}`;
}
