/** Lists what an API server serves of a resource at the backup's revision, and compares it with what the file holds. */
import { z } from "zod";
import { ApiError, type ApiAnswer, type ApiClient } from "./api-client";
import { listPath, type ServedResource } from "./discovery";
import type { StoredObject, StoredResource } from "./objects";

/** One object that is not as in the file. */
export interface ObjectDifference {
  /** `pods`, `widgets.example.com` */
  readonly resource: string;
  /** `NAMESPACE/NAME` */
  readonly name: string;
  readonly difference: "missing" | "extra" | "changed" | "unreadable";
  /** What differs, for `changed`. */
  readonly fields?: readonly ("uid" | "resourceVersion")[];
}

/** What came of one resource. */
export interface ResourceComparison {
  readonly expected: number;
  /** Objects that are exactly as in the file. */
  readonly same: number;
  readonly differences: readonly ObjectDifference[];
  /** Why the list could not be had, where it could not; the objects were then asked for one by one. */
  readonly refused?: string;
}

const PAGE = 500;
/** Objects of one resource that are asked for one by one when its list cannot be had. */
const SINGLE_LIMIT = 5000;
/** Names, uid and resourceVersion, and nothing of the content. */
const NAMES_ONLY =
  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const NAME_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

const Metadata = z.object({
  name: z.string(),
  namespace: z.string().default(""),
  uid: z.string().default(""),
  resourceVersion: z.string().default(""),
});
type Metadata = z.infer<typeof Metadata>;
const Page = z.object({
  metadata: z.object({ continue: z.string().default("") }),
  items: z
    .array(z.object({ metadata: Metadata }))
    .nullable()
    .default([]),
});
const Single = z.object({ metadata: Metadata });

/**
 * Compares one resource. The list is of the very revision of the backup, so that what the API server itself has written
 * since its start does not count, and what ran out since is there.
 * @param name `pods`, `widgets.example.com`
 * @throws ApiError when the server does not answer any more
 */
export async function compareResource(
  client: ApiClient,
  name: string,
  served: ServedResource,
  version: string,
  stored: StoredResource | undefined,
  revision: number,
): Promise<ResourceComparison> {
  const path = listPath(served, version);
  const expected: ReadonlyMap<string, StoredObject> = stored?.objects ?? new Map();
  try {
    const comparison = comparisonOf(name, expected);
    // Page by page: of a large resource all of them at once would take more memory than the file.
    for await (const page of pagesOf(client, path, revision)) comparison.take(page);
    return comparison.end();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // For one resource a server may cut every connection; that is told, as long as it answers at all.
    if (error.status === 0) await client.get("/livez");
    const differences = await askEach(client, name, served, version, expected);
    const same = expected.size - differences.length;
    return { expected: expected.size, same, differences, refused: error.message };
  }
}

/** Waits until a resource is served out of the server's cache; throws ApiError when it is not within the client's patience. */
export async function untilCached(
  client: ApiClient,
  served: ServedResource,
  version: string,
): Promise<void> {
  await client.json(`${listPath(served, version)}?limit=1&resourceVersion=0`, NAMES_ONLY);
}

async function* pagesOf(
  client: ApiClient,
  path: string,
  revision: number,
): AsyncGenerator<readonly Metadata[], void, undefined> {
  let more = "";
  do {
    const from =
      more === ""
        ? `resourceVersion=${revision}&resourceVersionMatch=Exact`
        : `continue=${encodeURIComponent(more)}`;
    const page = Page.parse(await client.json(`${path}?limit=${PAGE}&${from}`, NAMES_ONLY));
    yield (page.items ?? []).map(({ metadata }) => metadata);
    more = page.metadata.continue;
  } while (more !== "");
}

/** Compares what is listed with what is expected, as it comes. */
function comparisonOf(resource: string, expected: ReadonlyMap<string, StoredObject>) {
  const differences: ObjectDifference[] = [];
  const seen = new Set<StoredObject>();
  let same = 0;
  return {
    take(listed: readonly Metadata[]): void {
      for (const metadata of listed) {
        const name = `${metadata.namespace}/${metadata.name}`;
        const object = expected.get(name);
        // Twice under one name: two keys hold it.
        if (object === undefined || seen.has(object)) {
          differences.push({ resource, name, difference: "extra" });
          continue;
        }
        seen.add(object);
        const fields = differing(object, metadata);
        if (fields.length === 0) same += 1;
        else differences.push({ resource, name, difference: "changed", fields });
      }
    },
    end(): ResourceComparison {
      for (const [name, object] of expected) {
        if (!seen.has(object)) differences.push({ resource, name, difference: "missing" });
      }
      return { expected: expected.size, same, differences };
    },
  };
}

function differing(object: StoredObject, { uid, resourceVersion }: Metadata) {
  return [
    ...(object.uid !== undefined && object.uid !== uid ? (["uid"] as const) : []),
    ...(String(object.modRevision) !== resourceVersion ? (["resourceVersion"] as const) : []),
  ];
}

/**
 * Which objects cannot be had, one by one: a list fails as a whole for one object that cannot be read. They are asked
 * for as they are now, which may be newer than the backup.
 */
async function askEach(
  client: ApiClient,
  resource: string,
  served: ServedResource,
  version: string,
  expected: ReadonlyMap<string, StoredObject>,
): Promise<readonly ObjectDifference[]> {
  const differences: ObjectDifference[] = [];
  let asked = 0;
  for (const [name, object] of expected) {
    asked += 1;
    if (asked > SINGLE_LIMIT) {
      differences.push({ resource, name, difference: "unreadable" });
      continue;
    }
    const { status, body } = await client
      .once(objectPath(served, version, name), NAME_ONLY)
      .catch(withoutAnswer);
    if (status === 404) differences.push({ resource, name, difference: "missing" });
    else if (status !== 200) differences.push({ resource, name, difference: "unreadable" });
    else {
      const { metadata } = Single.parse(JSON.parse(body));
      if (object.uid !== undefined && metadata.uid !== object.uid) {
        differences.push({ resource, name, difference: "changed", fields: ["uid"] });
      }
    }
  }
  return differences;
}

function withoutAnswer(error: unknown): ApiAnswer {
  if (error instanceof ApiError) return { status: 0, body: "" };
  throw error;
}

function objectPath(served: ServedResource, version: string, name: string): string {
  const [namespace = "", own = ""] = name.split("/");
  const list = listPath(served, version);
  const base = list.slice(0, list.length - served.resource.length);
  const within = namespace === "" ? "" : `namespaces/${encodeURIComponent(namespace)}/`;
  return `${base}${within}${served.resource}/${encodeURIComponent(own)}`;
}
