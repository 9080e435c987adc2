/** Which Kubernetes cluster a store is of, by its own content. */
import { decodeObject, UndecodableError } from "./decode";
import { isJsonObject, type JsonObject, type JsonValue } from "./json";

/** Keys in the order of their bytes; what a snapshot's reader gives. */
export interface KeyReader {
  readonly count: number;
  key(i: number): Buffer;
  value(i: number): Buffer;
  modRevision(i: number): number;
  /** `-1 - n` where the key is not there, and `n` the number of the first one after it. */
  indexOf(key: Uint8Array): number;
}

export interface ClusterIdentity {
  /** UID of the namespace kube-system, which lives as long as its cluster. */
  readonly uid?: string;
  /** Version of the newest kubelet among the first nodes: `v1.35.0`. */
  readonly version?: string;
  /** `main`: all but events; `events`: a store for events alone. */
  readonly cluster?: "main" | "events";
}

/** Roots of Kubernetes and of OpenShift. */
const ROOTS = ["/registry", "/kubernetes.io"];
/** Of large clusters not every node is looked at. */
const NODES_LOOKED_AT = 50;

/** What a store tells; empty where it is no store of Kubernetes, or what is asked is encrypted. */
export function clusterIdentity(live: KeyReader): ClusterIdentity {
  for (const root of ROOTS) {
    const first = firstAfter(live, `${root}/`);
    if (!keyAt(live, first).startsWith(`${root}/`)) continue;
    const uid = text(
      decodedAt(live, live.indexOf(Buffer.from(systemNamespace(root)))),
      "metadata",
      "uid",
    );
    const version = newestKubelet(live, `${root}/minions/`);
    const last = keyAt(live, firstAfter(live, `${root}0`) - 1);
    const events = `${root}/events/`;
    const onlyEvents = keyAt(live, first).startsWith(events) && last.startsWith(events);
    return {
      ...(uid !== undefined && { uid }),
      ...(version !== undefined && { version }),
      cluster: onlyEvents ? "events" : "main",
    };
  }
  return {};
}

function systemNamespace(root: string): string {
  return `${root}/namespaces/kube-system`;
}

function newestKubelet(live: KeyReader, prefix: string): string | undefined {
  const versions: string[] = [];
  const first = firstAfter(live, prefix);
  for (let i = first; i < first + NODES_LOOKED_AT && keyAt(live, i).startsWith(prefix); i++) {
    const version = text(decodedAt(live, i), "status", "nodeInfo", "kubeletVersion");
    if (version !== undefined && /^v\d+\.\d+\.\d+/.test(version)) versions.push(version);
  }
  const byNumber = new Intl.Collator("en", { numeric: true });
  return versions.sort((a, b) => byNumber.compare(a, b)).at(-1);
}

function firstAfter(live: KeyReader, prefix: string): number {
  const found = live.indexOf(Buffer.from(prefix));
  return found < 0 ? -1 - found : found;
}

function keyAt(live: KeyReader, i: number): string {
  return i >= 0 && i < live.count ? live.key(i).toString("latin1") : "";
}

function decodedAt(live: KeyReader, i: number): JsonObject | undefined {
  if (i < 0) return undefined;
  try {
    return decodeObject(live.value(i)).object;
  } catch (error) {
    if (error instanceof UndecodableError) return undefined;
    throw error;
  }
}

function text(object: JsonObject | undefined, ...path: readonly string[]): string | undefined {
  let value: JsonValue | undefined = object;
  for (const name of path)
    value = value !== undefined && isJsonObject(value) ? value[name] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}
