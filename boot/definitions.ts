/** CustomResourceDefinitions and aggregated APIs, as the file has them. */
import { isJsonObject, type JsonObject } from "../etcd/kubernetes/json";
import type { KeyReader } from "../etcd/snapshot/types";
import { decoded, listIn, objectIn, textIn } from "./members";
import type { StoredObjects } from "./objects";

export interface Definition {
  /** `widgets.example.com` */
  readonly name: string;
  /** Versions of the API, and whether it is served in each. */
  readonly versions: ReadonlyMap<string, { readonly served: boolean }>;
  /** Versions that objects were ever stored in. */
  readonly storedVersions: readonly string[];
  /** Whether a webhook converts between the versions. */
  readonly needsWebhook: boolean;
}

export interface Definitions {
  /** By name, `widgets.example.com`. */
  readonly resources: ReadonlyMap<string, Definition>;
  /** `v1beta1.metrics.k8s.io`: APIs of other servers, and whose group that is. */
  readonly aggregated: readonly { readonly name: string; readonly group: string }[];
}

/** Reads the definitions of a store; those that cannot be decoded are told by the objects' own check. */
export function definitionsOf(live: KeyReader, stored: StoredObjects): Definitions {
  const each = (resource: string): readonly JsonObject[] =>
    [...(stored.resources.get(resource)?.objects.values() ?? [])].flatMap(({ index }) => {
      const object = decoded(live.value(index));
      return object === undefined ? [] : [object];
    });
  const definitions = each("customresourcedefinitions.apiextensions.k8s.io").map(definitionOf);
  const aggregated = each("apiservices.apiregistration.k8s.io").flatMap((object) => {
    const spec = objectIn(object, "spec");
    const name = textIn(objectIn(object, "metadata"), "name");
    return isJsonObject(spec.service) ? [{ name, group: textIn(spec, "group") }] : [];
  });
  return { resources: new Map(definitions.map((each) => [each.name, each])), aggregated };
}

function definitionOf(object: JsonObject): Definition {
  const spec = objectIn(object, "spec");
  const listed = listIn(spec, "versions").filter(isJsonObject);
  // apiextensions.k8s.io/v1beta1, as which definitions are stored, may name one version alone.
  const versions = listed.length > 0 ? listed : [{ name: spec.version ?? "", served: true }];
  return {
    name: textIn(objectIn(object, "metadata"), "name"),
    versions: new Map(
      versions.map((version) => [textIn(version, "name"), { served: version.served === true }]),
    ),
    storedVersions: listIn(objectIn(object, "status"), "storedVersions").filter(
      (version) => typeof version === "string",
    ),
    needsWebhook: textIn(objectIn(spec, "conversion"), "strategy") === "Webhook",
  };
}
