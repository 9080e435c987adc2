/**
 * CustomResourceDefinitions: API servers store them to this day as v1beta1, which none serves any more, so that one as it
 * is stored cannot be applied. Here it becomes v1.
 *
 * kubernetes/apiextensions-apiserver, pkg/apis/apiextensions/v1/conversion.go and v1beta1/types.go.
 */
import {
  isJsonList,
  isJsonObject,
  type JsonBuilder,
  type JsonObject,
  type JsonValue,
} from "./json";

/** What v1beta1 may say once for all versions, and v1 says of each: the member there, and here. */
const OF_EACH_VERSION = [
  ["subresources", "subresources"],
  ["validation", "schema"],
  ["additionalPrinterColumns", "additionalPrinterColumns"],
  ["selectableFields", "selectableFields"],
] as const;

/** The object in a version that API servers serve: a definition of v1beta1 as v1, anything else as it is. */
export function servedForm(object: JsonObject): JsonObject {
  const { apiVersion, kind, spec } = object;
  const isOld =
    apiVersion === "apiextensions.k8s.io/v1beta1" && kind === "CustomResourceDefinition";
  if (!isOld || !isJsonObject(spec)) return object;
  return { ...object, apiVersion: "apiextensions.k8s.io/v1", spec: specOfV1(spec) };
}

function specOfV1(spec: JsonObject): JsonObject {
  const result: JsonBuilder = {};
  const moved: readonly string[] = [
    "version",
    "versions",
    "conversion",
    ...OF_EACH_VERSION.map(([name]) => name),
  ];
  for (const [name, value] of Object.entries(spec)) {
    // False is what v1 means where it says nothing; true cannot be created any more, but stays what it is.
    const isDefault = name === "preserveUnknownFields" && value === false;
    if (!moved.includes(name) && !isDefault) result[name] = value;
  }
  const { version, conversion } = spec;
  const versions =
    isJsonList(spec.versions) && spec.versions.length > 0
      ? spec.versions
      : [{ name: version ?? "", served: true, storage: true }];
  result.versions = versions.map((one) => (isJsonObject(one) ? versionOfV1(one, spec) : one));
  if (isJsonObject(conversion)) result.conversion = conversionOfV1(conversion);
  return result;
}

function versionOfV1(version: JsonObject, spec: JsonObject): JsonObject {
  const result: JsonBuilder = { ...version };
  for (const [common, own] of OF_EACH_VERSION) {
    const value = spec[common];
    if (value !== undefined && value !== null) result[own] = value;
  }
  const columns = result.additionalPrinterColumns;
  if (isJsonList(columns)) result.additionalPrinterColumns = columns.map(columnOfV1);
  return result;
}

function columnOfV1(column: JsonValue): JsonValue {
  if (!isJsonObject(column) || column.JSONPath === undefined) return column;
  const { JSONPath, ...rest } = column;
  return { ...rest, jsonPath: JSONPath };
}

function conversionOfV1(conversion: JsonObject): JsonObject {
  const { webhookClientConfig, conversionReviewVersions, ...rest } = conversion;
  if (webhookClientConfig === undefined && conversionReviewVersions === undefined) return rest;
  const webhook: JsonBuilder = {
    conversionReviewVersions: conversionReviewVersions ?? ["v1beta1"],
  };
  if (webhookClientConfig !== undefined) webhook.clientConfig = webhookClientConfig;
  return { ...rest, webhook };
}
