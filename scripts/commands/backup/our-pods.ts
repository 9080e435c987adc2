/** Pods of ours in a cluster: what a run would make, and what an earlier one has left. */
import type { EtcdPod } from "../../../cluster/etcd-pods";
import { leftPods, removePods } from "../../../cluster/helper-pod";
import type { HelperPod } from "../../../cluster/helper-manifests";
import type { Kubectl } from "../../../cluster/kubectl";
import { printJson, printText } from "../../terminal";

/** By namespace, the pods of ours that a run which was killed has left. */
export async function findLeft(
  kubectl: Kubectl,
  pods: readonly EtcdPod[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const left = new Map<string, readonly string[]>();
  for (const namespace of new Set(pods.map((pod) => pod.namespace))) {
    const names = await leftPods(kubectl, namespace);
    if (names.length > 0) left.set(namespace, names);
  }
  return left;
}

/** Removes them, and says so. */
export async function removeLeft(
  kubectl: Kubectl,
  left: ReadonlyMap<string, readonly string[]>,
  say: (line: string) => void,
): Promise<void> {
  for (const [namespace, names] of left) {
    await removePods(kubectl, namespace, names);
    say(`removed what an earlier run had left in ${namespace}: ${names.join(", ")}`);
  }
}

/** A way to a pod, and what it would make in the cluster. */
export interface PlannedWay {
  readonly way: string;
  readonly makes: readonly HelperPod[];
}

/** What a run would take, by which ways, and what it would make in the cluster and remove from it. */
export function printPlan(
  pods: readonly EtcdPod[],
  plan: (pod: EtcdPod) => readonly PlannedWay[],
  left: ReadonlyMap<string, readonly string[]>,
  json: boolean | undefined,
): void {
  const takes = pods.map((pod) => ({
    cluster: pod.cluster,
    pod: `${pod.namespace}/${pod.name}`,
    ways: plan(pod).map(({ way, makes }) => ({
      way,
      makes: makes.map(({ purpose, manifest }) => ({ purpose, manifest })),
    })),
  }));
  const removes = [...left].flatMap(([namespace, names]) =>
    names.map((name) => `${namespace}/${name}`),
  );
  if (json === true) {
    printJson({ schemaVersion: 1, dryRun: true, takes, removes });
    return;
  }
  const lines = takes.flatMap(({ cluster, pod, ways }) => [
    `${cluster}: ${pod}, by the first of these ways that is open`,
    ...ways.map(({ way, makes }) => {
      const made = makes.map(({ purpose }) => `a pod to ${purpose}, removed again`).join("; ");
      return `  ${way}: makes ${made === "" ? "nothing" : made}`;
    }),
  ]);
  const removal =
    removes.length === 0 ? "nothing that an earlier run had left" : removes.join(", ");
  printText([...lines, `removes first: ${removal}`].join("\n"));
}
