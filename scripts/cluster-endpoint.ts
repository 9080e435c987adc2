/** The etcd of a cluster's pod as an endpoint, for as long as somebody looks into it. */
import { findEtcdPods } from "../cluster/find-pods";
import { openKubectl } from "../cluster/kubectl";
import type { EtcdPod } from "../cluster/etcd-pods";
import { withForwardedEtcd } from "../cluster/way-by-forward";
import type { Endpoint } from "../etcd/client/endpoint";
import { choosePods, clientTls, type ClusterFlags } from "./cluster";
import { EXIT, UserError } from "./outcome";

/** The flags with which `ls` and `get` look into a cluster. */
export type ClusterStoreFlags = ClusterFlags & {
  readonly only?: EtcdPod["cluster"];
  readonly helperImage: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
};

/** An endpoint that is there until it is given back. */
export interface HeldEndpoint {
  readonly endpoint: Endpoint;
  /** `pod kube-system/etcd-cp1`, for messages. */
  readonly name: string;
  readonly release: () => void;
}

/** Forwards a port to the main etcd of a cluster, or to that of the events, and keeps it. */
export async function holdClusterEndpoint(
  flags: ClusterStoreFlags,
  signal: AbortSignal,
): Promise<HeldEndpoint> {
  const kubectl = await openKubectl({ context: flags.context, signal });
  const pods = await findEtcdPods(kubectl, flags.namespace);
  const [pod] = choosePods(pods, flags.only ?? "main");
  if (pod === undefined) throw new UserError(EXIT.usage, "the cluster has no etcd pod");
  const { helperImage } = flags;
  const reaching = { kubectl, signal, helperImage, tls: clientTls(flags) };
  const name = `pod ${pod.namespace}/${pod.name}`;
  return new Promise((resolve, reject) => {
    const held = withForwardedEtcd(
      reaching,
      pod,
      (endpoint) =>
        new Promise<void>((release) => {
          resolve({ endpoint, name, release });
        }),
    );
    held.catch(reject);
  });
}
