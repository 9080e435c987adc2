/** Whether a backup is of the cluster that it is meant to be of. */
import { visible } from "../wire/visible";
import type { ClusterFacts } from "../kubernetes/cluster-facts";

/**
 * Why it is not; empty where it is, or nobody asked.
 * @param expected UID of the namespace kube-system
 */
export function clusterReasons(
  cluster: Pick<ClusterFacts, "uid"> | undefined,
  expected: string | undefined,
): readonly string[] {
  if (expected === undefined || cluster?.uid === expected) return [];
  return [
    cluster?.uid === undefined
      ? `it does not say of which cluster it is (it has no namespace kube-system that can be read); expected was ${visible(expected)}`
      : `it is a backup of another cluster: kube-system has the UID ${visible(cluster.uid)}, expected was ${visible(expected)}`,
  ];
}
