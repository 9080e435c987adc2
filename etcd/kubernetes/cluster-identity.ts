/** Which Kubernetes cluster a store is of, by its own content. */
import { withPrefix, type SortedKeys } from "../wire/sorted-keys";
import { decodeObject, UndecodableError } from "./decode";
import { isJsonObject, type JsonObject, type JsonValue } from "./json";

/** What a snapshot's reader gives. */
export interface KeyReader extends SortedKeys {
  value(i: number): Buffer;
  modRevision(i: number): number;
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
export const ROOTS = ["/registry", "/kubernetes.io"];
/** Of large clusters not every node is looked at. */
const NODES_LOOKED_AT = 50;

/** What a store tells; empty where it is no store of Kubernetes, or what is asked is encrypted. */
export function clusterIdentity(live: KeyReader): ClusterIdentity {
  for (const root of ROOTS) {
    const [first, end] = withPrefix(live, Buffer.from(`${root}/`));
    if (first === end) continue;
    const uid = text(
      decodedAt(live, live.indexOf(Buffer.from(systemNamespace(root)))),
      "metadata",
      "uid",
    );
    const version = newestKubelet(live, `${root}/minions/`);
    const [firstEvent, endOfEvents] = withPrefix(live, Buffer.from(`${root}/events/`));
    const onlyEvents = firstEvent === first && endOfEvents === end;
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
  const [first, end] = withPrefix(live, Buffer.from(prefix));
  for (let i = first; i < Math.min(end, first + NODES_LOOKED_AT); i++) {
    const version = text(decodedAt(live, i), "status", "nodeInfo", "kubeletVersion");
    if (version !== undefined && /^v\d+\.\d+\.\d+/.test(version)) versions.push(version);
  }
  const byNumber = new Intl.Collator("en", { numeric: true });
  return versions.sort((a, b) => byNumber.compare(a, b)).at(-1);
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
