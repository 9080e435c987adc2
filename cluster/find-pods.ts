/** Asks a cluster for its etcd pods, with the least that it takes. */
import { z } from "zod";
import { ClusterError } from "./cluster-error";
import { etcdPods, type EtcdPod } from "./etcd-pods";
import type { Kubectl } from "./kubectl";

/** Where the makers of clusters put their etcd. */
const NAMESPACES = ["kube-system", "openshift-etcd"];
/**
 * Their labels: kubeadm, kubespray, RKE2 and k0smotron; kops (etcd-manager), the old kops of the exercise, OpenShift.
 * A large cluster has thousands of pods in kube-system, so all are looked at only where none has one of these.
 */
const SELECTORS = [
  "component=etcd",
  "k8s-app in (etcd, etcd-server, etcd-server-events, etcd-manager-main, etcd-manager-events)",
];

/**
 * The etcd pods of a cluster.
 * @param namespace the only one to look in; default: kube-system and openshift-etcd
 * @throws ClusterError when there are none, with how a snapshot is taken there where that is known
 */
export async function findEtcdPods(
  kubectl: Kubectl,
  namespace?: string,
): Promise<readonly EtcdPod[]> {
  const namespaces = namespace === undefined ? NAMESPACES : [namespace];
  const refused: ClusterError[] = [];
  for (const where of namespaces) {
    try {
      const pods = await podsIn(kubectl, where);
      if (pods.length > 0) return pods;
    } catch (error) {
      // What may not be seen in one namespace may be seen in the other.
      if (!(error instanceof ClusterError && error.isClosed)) throw error;
      refused.push(error);
    }
  }
  const [first] = refused;
  if (first !== undefined) throw first;
  const looked = namespaces.join(" or ");
  throw new ClusterError(
    "usage",
    `there are no etcd pods in namespace ${looked}${await distribution(kubectl)}`,
  );
}

async function podsIn(kubectl: Kubectl, namespace: string): Promise<readonly EtcdPod[]> {
  const ask = async (...selector: readonly string[]): Promise<readonly EtcdPod[]> => {
    const argv = ["get", "pods", "-n", namespace, "-o", "json", ...selector];
    return etcdPods(JSON.parse(await kubectl.run(argv, `listing the pods of ${namespace}`)));
  };
  const labelled = (await Promise.all(SELECTORS.map((selector) => ask("-l", selector)))).flat();
  if (labelled.length === 0) return ask();
  const unique = new Map(labelled.map((pod) => [pod.name, pod]));
  return [...unique.values()].sort(
    (a, b) => Number(a.cluster === "events") - Number(b.cluster === "events"),
  );
}

const Nodes = z.object({
  items: z.array(
    z.object({
      status: z.object({ nodeInfo: z.object({ kubeletVersion: z.string(), osImage: z.string() }) }),
    }),
  ),
});

/** Distributions whose etcd is no pod, told by their nodes, and their own command for a snapshot. */
const OTHERS: readonly { readonly sign: RegExp; readonly words: string }[] = [
  {
    sign: /\+k3s/,
    words:
      "k3s runs etcd inside its own process (and by default SQLite): on a server node, `k3s etcd-snapshot save --name NAME` " +
      "writes to /var/lib/rancher/k3s/server/db/snapshots",
  },
  {
    sign: /\+rke2/,
    words:
      "RKE2 takes its own: on a server node, `rke2 etcd-snapshot save --name NAME` writes to /var/lib/rancher/rke2/server/db/snapshots",
  },
  { sign: /Talos/, words: "Talos is asked by its own API: `talosctl -n NODE etcd snapshot FILE`" },
  {
    sign: /\+k0s/,
    words:
      "k0s runs etcd beside its own process: on a controller, `k0s backup --save-path DIR` writes an archive with its snapshot",
  },
];

/** How a snapshot is had where the nodes tell whose they are; then every command here reads it. */
async function distribution(kubectl: Kubectl): Promise<string> {
  let nodes: z.infer<typeof Nodes>["items"];
  try {
    const argv = ["get", "nodes", "-o", "json"];
    nodes = Nodes.parse(JSON.parse(await kubectl.run(argv, "looking at the nodes"))).items;
  } catch {
    // Who may not see nodes is told less.
    return "; --namespace names another one. A managed control plane (EKS, GKE, AKS) lets nobody near its etcd";
  }
  const signs = nodes.map(
    ({ status }) => `${status.nodeInfo.kubeletVersion} ${status.nodeInfo.osImage}`,
  );
  const known = ownCommand(signs);
  return known === undefined
    ? "; --namespace names another one. Where etcd runs outside of the cluster, take it with `backup --endpoint`; a managed control plane (EKS, GKE, AKS) lets nobody near its etcd"
    : `: ${known}; what it writes is read by inspect, ls, get, diff and start`;
}

/** The words for whoever's nodes these are; undefined when they are nobody's that is known. */
export function ownCommand(signs: readonly string[]): string | undefined {
  return OTHERS.find(({ sign }) => signs.some((text) => sign.test(text)))?.words;
}
