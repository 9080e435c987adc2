/** What a key of a Kubernetes store says about the object behind it. */
export type KeyDescription = ObjectKey | SpecialKey;

/** A key of an object. */
export interface ObjectKey {
  readonly kind: "object";
  /** The store's root: `/registry`, or `/kubernetes.io` and `/openshift.io` in OpenShift. */
  readonly root: string;
  /** The API's name of the resource, such as `nodes` (stored under `minions`). */
  readonly resource: string;
  /**
   * The API group, empty for the core group. Undefined for a resource that is not stored under its
   * group and that this program does not know: the key does not tell.
   */
  readonly group: string | undefined;
  /** Undefined for an object of the whole cluster. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** A key that holds no object of the API: bookkeeping of the API server. */
export interface SpecialKey {
  readonly kind: "special";
  readonly root: string;
  /** What it is for, in a few words. */
  readonly purpose: string;
  readonly name: string;
}

// Resources that are not stored under their own name: kubernetes pkg/kubeapiserver/default_storage_factory_builder.go.
const RENAMED: Readonly<Record<string, readonly [resource: string, group: string]>> = {
  controllers: ["replicationcontrollers", ""],
  minions: ["nodes", ""],
  ingress: ["ingresses", "networking.k8s.io"],
  podsecuritypolicy: ["podsecuritypolicies", "policy"],
  "services/endpoints": ["endpoints", ""],
  "services/specs": ["services", ""],
  // openshift-apiserver and oauth-apiserver
  useridentities: ["identities", "user.openshift.io"],
  "oauth/accesstokens": ["oauthaccesstokens", "oauth.openshift.io"],
  "oauth/authorizetokens": ["oauthauthorizetokens", "oauth.openshift.io"],
  "oauth/clientauthorizations": ["oauthclientauthorizations", "oauth.openshift.io"],
  "oauth/clients": ["oauthclients", "oauth.openshift.io"],
};

const SPECIAL: Readonly<Record<string, string>> = {
  masterleases: "address of an API server, leased",
  peerserverleases: "address of an API server for its peers, leased",
  ranges: "allocated addresses or ports",
};

// Groups of the built-in resources, which are stored without their group. Events are written by the core group.
const RESOURCES_BY_GROUP: Readonly<Record<string, string>> = {
  "": "bindings configmaps events limitranges namespaces persistentvolumeclaims persistentvolumes pods podtemplates resourcequotas secrets serviceaccounts",
  "admissionregistration.k8s.io":
    "mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations",
  apps: "controllerrevisions daemonsets deployments replicasets statefulsets",
  autoscaling: "horizontalpodautoscalers",
  batch: "cronjobs jobs",
  "certificates.k8s.io": "certificatesigningrequests clustertrustbundles podcertificaterequests",
  "coordination.k8s.io": "leasecandidates leases",
  "discovery.k8s.io": "endpointslices",
  "flowcontrol.apiserver.k8s.io": "flowschemas prioritylevelconfigurations",
  "internal.apiserver.k8s.io": "storageversions",
  "networking.k8s.io": "ingressclasses ipaddresses networkpolicies servicecidrs",
  "node.k8s.io": "runtimeclasses",
  policy: "poddisruptionbudgets",
  "rbac.authorization.k8s.io": "clusterrolebindings clusterroles rolebindings roles",
  "resource.k8s.io":
    "deviceclasses devicetaintrules resourceclaims resourceclaimtemplates resourceslices",
  "scheduling.k8s.io": "priorityclasses workloads",
  "storage.k8s.io":
    "csidrivers csinodes csistoragecapacities storageclasses volumeattachments volumeattributesclasses",
  "storagemigration.k8s.io": "storageversionmigrations",
  "apps.openshift.io": "deploymentconfigs",
  "build.openshift.io": "buildconfigs builds",
  "image.openshift.io": "images imagestreams",
  "project.openshift.io": "projects",
  "quota.openshift.io": "clusterresourcequotas",
  "route.openshift.io": "routes",
  "template.openshift.io": "brokertemplateinstances templateinstances templates",
  "user.openshift.io": "groups users",
};

const groups: ReadonlyMap<string, string> = new Map(
  Object.entries(RESOURCES_BY_GROUP).flatMap(([group, resources]) =>
    resources.split(" ").map((resource) => [resource, group] as const),
  ),
);

/** Whether the resources of a group are Kubernetes' or OpenShift's own, so that their names follow from their kinds. */
export function isBuiltInGroup(group: string): boolean {
  return Object.hasOwn(RESOURCES_BY_GROUP, group);
}

const ROOTS: readonly string[] = ["registry", "kubernetes.io", "openshift.io"];

/**
 * Reads what a key says: built-in resources lie at `ROOT/RESOURCE/[NAMESPACE/]NAME`, custom resources (and the
 * API server's own APIServices and CustomResourceDefinitions) at `ROOT/GROUP/RESOURCE/[NAMESPACE/]NAME`. A first part with a
 * dot is a group, since the group of a custom resource must have one and no resource can.
 * @returns undefined for keys that Kubernetes does not write, or not under its usual roots
 */
export function describeKey(key: string): KeyDescription | undefined {
  if (key === "compact_rev_key") {
    return { kind: "special", root: "", purpose: "revision of the last compaction", name: key };
  }
  const [before, root, ...parts] = key.split("/");
  if (before !== "" || root === undefined || !ROOTS.includes(root) || parts.includes("")) {
    return undefined;
  }
  const [first = "", second = "", ...rest] = parts;
  const purpose = Object.hasOwn(SPECIAL, first) ? SPECIAL[first] : undefined;
  if (purpose !== undefined) {
    return { kind: "special", root: `/${root}`, purpose, name: parts.slice(1).join("/") };
  }
  if (first.includes(".")) return objectKey(root, second, first, rest);
  const path = `${first}/${second}`;
  if (Object.hasOwn(RENAMED, path)) return renamedKey(root, path, rest);
  if (Object.hasOwn(RENAMED, first)) return renamedKey(root, first, parts.slice(1));
  return objectKey(root, first, groups.get(first), parts.slice(1));
}

function renamedKey(root: string, path: string, rest: readonly string[]): ObjectKey | undefined {
  const [resource, group] = RENAMED[path] ?? [];
  return resource === undefined ? undefined : objectKey(root, resource, group, rest);
}

function objectKey(
  root: string,
  resource: string,
  group: string | undefined,
  rest: readonly string[],
): ObjectKey | undefined {
  const [first, second] = rest;
  if (first === undefined || rest.length > 2) return undefined;
  const [namespace, name] = second === undefined ? [undefined, first] : [first, second];
  return { kind: "object", root: `/${root}`, resource, group, namespace, name };
}

/** Kubernetes' and OpenShift's own resources, and the folder of each under every root. */
export function builtInResources(): readonly {
  readonly resource: string;
  readonly group: string;
  readonly folder: string;
}[] {
  const renamed = Object.entries(RENAMED);
  const all = [
    ...[...groups].map(([resource, group]) => ({ path: resource, resource, group })),
    ...renamed.map(([path, [resource, group]]) => ({ path, resource, group })),
    // Stored under their group, as custom resources are.
    ...["customresourcedefinitions apiextensions.k8s.io", "apiservices apiregistration.k8s.io"].map(
      (text) => {
        const [resource = "", group = ""] = text.split(" ");
        return { path: `${group}/${resource}`, resource, group };
      },
    ),
  ];
  return ROOTS.flatMap((root) =>
    all.map(({ path, resource, group }) => ({ resource, group, folder: `/${root}/${path}/` })),
  );
}

/**
 * `describeKey` for keys in their order: what a folder says of its keys is found out once.
 * @returns a function that takes a key's bytes
 */
export function keyDescriber(): (key: Buffer) => KeyDescription | undefined {
  let folder: Buffer | undefined;
  let last: KeyDescription | undefined;
  return (key) => {
    const end = key.lastIndexOf(SLASH) + 1;
    if (folder?.length === end && end < key.length && key.compare(folder, 0, end, 0, end) === 0) {
      return last === undefined ? undefined : { ...last, name: key.toString("utf8", end) };
    }
    last = describeKey(key.toString());
    // Shorter ones do not tell: in `/registry/leases/a` the last part may be a name, or a resource of a group.
    folder =
      slashesIn(key) >= TELLING_SLASHES && last?.kind !== "special"
        ? Buffer.from(key.subarray(0, end))
        : undefined;
    return last;
  };
}

const SLASH = 0x2f;
/** `/registry/pods/shop/`: from here on the folder alone says what a key is; before, a key's own name may. */
export const TELLING_SLASHES = 4;

export function slashesIn(key: Uint8Array): number {
  let slashes = 0;
  for (const byte of key) if (byte === SLASH) slashes += 1;
  return slashes;
}
