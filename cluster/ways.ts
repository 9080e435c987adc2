/** The three ways to an etcd in a pod, and which of them is open. */
import type { Source } from "../etcd/backup/take/source";
import { ClusterError } from "./cluster-error";
import { pathOnNode, type EtcdPod } from "./etcd-pods";
import {
  askerPod,
  certificatesOnNode,
  certificatesPod,
  folderPod,
  type HelperPod,
} from "./helper-manifests";
import type { WayName } from "./way-names";
import type { Reaching } from "./reaching";
import { byForward } from "./way-by-forward";
import { byExec, byNode } from "./way-by-etcdctl";

/** A way that was not taken, and why. */
export interface ClosedWay {
  readonly way: WayName;
  readonly reason: string;
}

/**
 * Does some work with a pod's etcd by the first way that is open. What broke off on the way is tried again.
 * @throws ClusterError naming every way and why it is closed
 */
export async function byOpenWay<T>(
  reaching: Reaching,
  pod: EtcdPod,
  ways: readonly WayName[],
  work: (source: Source) => Promise<T>,
): Promise<{ readonly result: T; readonly way: WayName; readonly closed: readonly ClosedWay[] }> {
  const closed: ClosedWay[] = [];
  for (const way of ways) {
    try {
      return { result: await USE[way](reaching, pod, work), way, closed };
    } catch (error) {
      if (!(error instanceof ClusterError && error.isClosed)) throw error;
      closed.push({ way, reason: error.message });
    }
  }
  const reasons = closed.map(({ way, reason }) => `\n  ${way}: ${reason}`);
  throw new ClusterError(
    "environment",
    `no way leads to the etcd of ${pod.name}:${reasons.join("")}`,
  );
}

const USE = { "port-forward": byForward, exec: byExec, node: byNode };

/** What a way would make in the cluster, for `--dry-run`; empty: nothing. */
export function plannedPods(reaching: Reaching, pod: EtcdPod, way: WayName): readonly HelperPod[] {
  const { helperImage, tls } = reaching;
  const onNode = certificatesOnNode(pod);
  if (way === "node") return [askerPod(pod, helperImage, onNode)];
  if (way === "exec") {
    const folder = pathOnNode(pod, pod.dataDir ?? "");
    return folder === undefined ? [] : [folderPod(pod, helperImage, folder)];
  }
  return pod.tls && tls === undefined && onNode !== undefined
    ? [certificatesPod(pod, helperImage, onNode)]
    : [];
}
