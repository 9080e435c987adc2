/**
 * An object as somebody would write it: without what an API server and its controllers set, so that `kubectl apply` takes
 * it in another cluster. Nothing that a person writes is left out but the finalizers of volumes, which come back by themselves.
 */
import {
  isJsonList,
  isJsonObject,
  setMember,
  type JsonBuilder,
  type JsonObject,
  type JsonValue,
} from "./json";

/** Of metadata: set by the API server. ownerReferences name UIDs of another cluster, where their owner would be missed and the object collected. */
const METADATA = new Set([
  ...["uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "managedFields"],
  ...["deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences"],
]);

/** Annotations that controllers, kubelets and kubectl set. */
const ANNOTATIONS = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
  "deprecated.daemonset.template.generation",
  "control-plane.alpha.kubernetes.io/leader",
  "endpoints.kubernetes.io/last-change-trigger-time",
  "kubernetes.io/config.hash",
  "kubernetes.io/config.mirror",
  "kubernetes.io/config.seen",
  "kubernetes.io/config.source",
  "kubernetes.io/service-account.uid",
  "pv.kubernetes.io/bind-completed",
  "pv.kubernetes.io/bound-by-controller",
  "volume.beta.kubernetes.io/storage-provisioner",
  "volume.kubernetes.io/storage-provisioner",
  "volume.kubernetes.io/selected-node",
  "batch.kubernetes.io/job-tracking",
  "autoscaling.alpha.kubernetes.io/conditions",
  "autoscaling.alpha.kubernetes.io/current-metrics",
]);
const FINALIZERS = new Set(["kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"]);
/** Labels of a Job's pods that say which run they are of. */
const RUN_LABELS = new Set(["controller-uid", "batch.kubernetes.io/controller-uid"]);

/**
 * @param hasStatus whether `status` is the server's: of Kubernetes' own objects always, of a custom resource where its
 *   definition says so, else it is the user's like all the rest
 */
export function cleaned(object: JsonObject, hasStatus: boolean): JsonObject {
  const result: JsonBuilder = {};
  for (const [name, value] of Object.entries(object)) {
    if (name === "status" && hasStatus) continue;
    setMember(
      result,
      name,
      name === "metadata" && isJsonObject(value) ? cleanMetadata(value) : value,
    );
  }
  const { kind, spec } = object;
  const special = typeof kind === "string" ? BY_KIND[kind] : undefined;
  if (special?.whole !== undefined) return special.whole(result, object);
  if (special?.spec !== undefined && isJsonObject(spec)) result.spec = special.spec(spec, object);
  return result;
}

function cleanMetadata(metadata: JsonObject): JsonObject {
  const kept: JsonBuilder = {};
  for (const [name, value] of Object.entries(without(metadata, METADATA))) {
    const changed =
      name === "annotations" && isJsonObject(value)
        ? without(value, ANNOTATIONS)
        : name === "finalizers" && isJsonList(value)
          ? value.filter((each) => typeof each !== "string" || !FINALIZERS.has(each))
          : value;
    // What held nothing else is left out as a whole.
    const isEmpty = changed !== value && Object.keys(changed ?? {}).length === 0;
    if (!isEmpty) setMember(kept, name, changed);
  }
  return kept;
}

function without(object: JsonObject, names: ReadonlySet<string>): JsonObject {
  const kept: JsonBuilder = {};
  for (const [name, value] of Object.entries(object))
    if (!names.has(name)) setMember(kept, name, value);
  return kept;
}

/** A member with something taken out of it, as a change for a spread; nothing where it is not there. */
function emptied(
  object: JsonObject,
  name: string,
  change: (value: JsonObject) => JsonObject,
): JsonObject {
  const value = object[name];
  return isJsonObject(value) ? { [name]: change(value) } : {};
}

interface Special {
  readonly spec?: (spec: JsonObject, object: JsonObject) => JsonObject;
  readonly whole?: (cleaned: JsonObject, object: JsonObject) => JsonObject;
}

const BY_KIND: Readonly<Record<string, Special>> = {
  Pod: { spec: cleanPod },
  Service: { spec: cleanService },
  Job: { spec: cleanJob },
  Namespace: { spec: (spec) => without(spec, new Set(["finalizers"])) },
  Node: { spec: (spec) => without(spec, new Set(["podCIDR", "podCIDRs"])) },
  PersistentVolume: {
    spec: (spec) => ({
      ...spec,
      ...emptied(spec, "claimRef", (claim) => without(claim, new Set(["uid", "resourceVersion"]))),
    }),
  },
  ServiceAccount: { whole: (account) => without(account, new Set(["secrets"])) },
  // Filled by the cluster's own controller with a token of the cluster.
  Secret: {
    whole: (secret, { type }) =>
      type === "kubernetes.io/service-account-token" ? without(secret, new Set(["data"])) : secret,
  },
};

/** Where it ran, and the token that was mounted without being asked for. */
function cleanPod(spec: JsonObject): JsonObject {
  const kept = without(spec, new Set(["nodeName", "priority", "preemptionPolicy"]));
  const injected = (name: JsonValue | undefined) =>
    typeof name === "string" && name.startsWith("kube-api-access-");
  const containers = (list: JsonValue | undefined): JsonValue | undefined =>
    isJsonList(list)
      ? list.map((one: JsonValue) =>
          isJsonObject(one) && isJsonList(one.volumeMounts)
            ? {
                ...one,
                volumeMounts: one.volumeMounts.filter(
                  (mount) => !isJsonObject(mount) || !injected(mount.name),
                ),
              }
            : one,
        )
      : list;
  const changed: JsonBuilder = { ...kept };
  if (isJsonList(kept.volumes)) {
    changed.volumes = kept.volumes.filter(
      (volume) => !isJsonObject(volume) || !injected(volume.name),
    );
  }
  for (const name of ["containers", "initContainers"]) {
    const list = containers(kept[name]);
    if (list !== undefined) changed[name] = list;
  }
  return changed;
}

/** Addresses and ports that were allocated; `None` is somebody's wish, and so is a port that the last applied text names. */
function cleanService(spec: JsonObject, object: JsonObject): JsonObject {
  const isHeadless = spec.clusterIP === "None";
  const kept = without(
    spec,
    new Set(["healthCheckNodePort", ...(isHeadless ? [] : ["clusterIP", "clusterIPs"])]),
  );
  if (!isJsonList(kept.ports) || wasApplied(object, "nodePort")) return kept;
  const ports = kept.ports.map((port: JsonValue) =>
    isJsonObject(port) ? without(port, new Set(["nodePort"])) : port,
  );
  return { ...kept, ports };
}

function wasApplied({ metadata }: JsonObject, field: string): boolean {
  const annotations = isJsonObject(metadata) ? metadata.annotations : undefined;
  const text = isJsonObject(annotations)
    ? annotations["kubectl.kubernetes.io/last-applied-configuration"]
    : undefined;
  return typeof text === "string" && text.includes(`"${field}"`);
}

/** A Job makes its selector itself, unless it was told not to. */
function cleanJob(spec: JsonObject): JsonObject {
  if (spec.manualSelector === true) return spec;
  const kept = without(spec, new Set(["selector"]));
  return {
    ...kept,
    ...emptied(kept, "template", (template) => ({
      ...template,
      ...emptied(template, "metadata", (metadata) => ({
        ...without(metadata, new Set(["creationTimestamp"])),
        ...emptied(metadata, "labels", (labels) => without(labels, RUN_LABELS)),
      })),
    })),
  };
}

/** What makes an object again, so that it is not restored by itself: its controller, or the cluster. Undefined for what a person made. */
export function madeBy(object: JsonObject, resource: string): string | undefined {
  const { metadata } = object;
  if (!isJsonObject(metadata)) return undefined;
  const name = typeof metadata.name === "string" ? metadata.name : "";
  const space = typeof metadata.namespace === "string" ? metadata.namespace : "";
  const names = [`${resource}/${name}`, `${resource}/${space}/${name}`];
  if (BY_THE_CLUSTER.has(resource) || names.some((each) => NAMED_BY_THE_CLUSTER.has(each))) {
    return "the cluster";
  }
  const owners = isJsonList(metadata.ownerReferences) ? metadata.ownerReferences : [];
  if (owners.some((owner) => isJsonObject(owner) && owner.controller === true)) {
    return "its controller";
  }
  const marks = [metadata.labels, metadata.annotations].filter(isJsonObject);
  if (marks.some((each) => "kubernetes.io/config.mirror" in each)) return "its node";
  const isOwn = marks.some((each) => MARKS.some(([mark, value]) => each[mark] === value));
  return isOwn ? "the cluster" : undefined;
}

/** Of what runs in a cluster: that is another one's. */
const BY_THE_CLUSTER = new Set([
  ...["events", "endpoints", "endpointslices", "leases", "leasecandidates", "ipaddresses"],
  ...["nodes", "csinodes", "volumeattachments", "certificatesigningrequests", "resourceslices"],
]);

const NAMED_BY_THE_CLUSTER = new Set([
  ...["configmaps/kube-root-ca.crt", "configmaps/extension-apiserver-authentication"],
  ...[
    "configmaps/kube-apiserver-legacy-service-account-token-tracking",
    "services/default/kubernetes",
  ],
  ...["servicecidrs/kubernetes", "priorityclasses/system-cluster-critical"],
  "priorityclasses/system-node-critical",
]);

/** Labels and annotations of what each API server makes when it starts. */
const MARKS = [
  ["kubernetes.io/bootstrapping", "rbac-defaults"],
  ["kube-aggregator.kubernetes.io/automanaged", "true"],
  ["kube-aggregator.kubernetes.io/automanaged", "onstart"],
  ["apf.kubernetes.io/autoupdate-spec", "true"],
] as const;
