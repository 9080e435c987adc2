/** Resources as kubectl takes them: `po`, `pod`, `pods`, `Deployment`, `deploy.apps`, and what a cluster defined itself. */
import { builtInResources } from "./key";
import { resourceOfKind } from "./named-object";

/** A resource and the folder under which its objects lie. */
export interface ResourceFolder {
  readonly resource: string;
  /** Empty for the core group. */
  readonly group: string;
  /** `/registry/pods/` */
  readonly folder: string;
  /** Other names that the cluster itself gave it: short names, singular, kind; in lower case. */
  readonly aliases?: readonly string[];
}

// What `kubectl api-resources` prints as SHORTNAMES.
const SHORT: Readonly<Record<string, string>> = {
  cj: "cronjobs",
  cm: "configmaps",
  crd: "customresourcedefinitions",
  crds: "customresourcedefinitions",
  csr: "certificatesigningrequests",
  deploy: "deployments",
  ds: "daemonsets",
  ep: "endpoints",
  ev: "events",
  hpa: "horizontalpodautoscalers",
  ing: "ingresses",
  limits: "limitranges",
  netpol: "networkpolicies",
  no: "nodes",
  ns: "namespaces",
  pc: "priorityclasses",
  pdb: "poddisruptionbudgets",
  po: "pods",
  psp: "podsecuritypolicies",
  pv: "persistentvolumes",
  pvc: "persistentvolumeclaims",
  quota: "resourcequotas",
  rc: "replicationcontrollers",
  rs: "replicasets",
  sa: "serviceaccounts",
  sc: "storageclasses",
  sts: "statefulsets",
  svc: "services",
};

/** Whether a word names a resource, with its group (`deployments.apps`, `deployments.v1.apps`) or without. */
export function isNamed(word: string, { resource, group, aliases = [] }: ResourceFolder): boolean {
  const [name = "", ...rest] = word.toLowerCase().split(".");
  const asked = rest.join(".");
  const short = Object.hasOwn(SHORT, name) ? SHORT[name] : undefined;
  const isResource =
    [name, resourceOfKind(name), short].includes(resource) || aliases.includes(name);
  // `pods.` and `pods.v1.` are of the core group.
  const groups = [group, `v1.${group}`, ...VERSIONS.map((version) => `${version}.${group}`)];
  return isResource && (rest.length === 0 || groups.includes(asked));
}

const VERSIONS = ["v1beta1", "v1beta2", "v1beta3", "v1alpha1", "v2"];

/** The folders of Kubernetes' own resources that a word names, under each root; empty for what a cluster defined. */
export function builtInFolders(word: string): readonly ResourceFolder[] {
  return builtInResources().filter((each) => isNamed(word, each));
}
