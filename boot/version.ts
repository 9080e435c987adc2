/** Which Kubernetes a backup is of, and how that was told. */
import { clusterIdentity } from "../etcd/kubernetes/cluster-identity";
import type { KeyReader } from "../etcd/snapshot/types";
import { decoded, objectIn, textIn } from "./members";
import type { StoredObjects } from "./objects";

export interface ToldVersion {
  /** `1.35`, or an exact `1.35.4` where the user named one. */
  readonly version: string;
  /** In words: `kubeadm's ConfigMap`. */
  readonly from: string;
}

/** Types that every cluster has from a version on, the newest first. */
const TYPES: readonly (readonly [resource: string, apiVersion: string, minor: string])[] = [
  ["servicecidrs.networking.k8s.io", "networking.k8s.io/v1", "1.33"],
  ["flowschemas.flowcontrol.apiserver.k8s.io", "flowcontrol.apiserver.k8s.io/v1", "1.29"],
];

/**
 * The minor version of the cluster: as kubeadm noted it, else the newest kubelet's, else what the stored types tell.
 * Undefined where the backup tells none.
 */
export function toldVersion(live: KeyReader, stored: StoredObjects): ToldVersion | undefined {
  const kubeadm = minorOf(kubeadmVersion(live, stored.root));
  if (kubeadm !== undefined) return { version: kubeadm, from: "kubeadm's ConfigMap" };
  const kubelet = minorOf(clusterIdentity(live).version);
  if (kubelet !== undefined) return { version: kubelet, from: "the nodes' kubelets" };
  for (const [resource, apiVersion, minor] of TYPES) {
    for (const object of stored.resources.get(resource)?.objects.values() ?? []) {
      if (object.apiVersion === apiVersion) {
        return { version: minor, from: `its types, which are of ${minor} or later` };
      }
    }
  }
  return undefined;
}

/** `1.36` after `1.35`. */
export function nextMinor(version: string): string {
  const [major = "1", minor = "0"] = version.split(".");
  return `${major}.${Number(minor) + 1}`;
}

function minorOf(version: string | undefined): string | undefined {
  return version === undefined ? undefined : /^v?(\d+\.\d+)\./.exec(version)?.[1];
}

/** `kubernetesVersion` of the ClusterConfiguration, which is YAML in a ConfigMap. */
function kubeadmVersion(live: KeyReader, root: string): string | undefined {
  const index = live.indexOf(Buffer.from(`${root}/configmaps/kube-system/kubeadm-config`));
  if (index < 0) return undefined;
  const data = objectIn(decoded(live.value(index)) ?? {}, "data");
  const text = textIn(data, "ClusterConfiguration");
  return /^kubernetesVersion:\s*"?(v?\d+\.\d+\.\d+)/m.exec(text)?.[1];
}
