/** The three ways to an etcd in a pod, and which of them is open. */
import type { Source } from "../etcd/backup/take/source";
import { EtcdError } from "../etcd/client/etcd-error";
import type { Endpoint } from "../etcd/client/endpoint";
import { openMember } from "../etcd/client/member-client";
import { ClusterError } from "./cluster-error";
import { etcdctlSource, type EtcdctlPlaces } from "./etcdctl-source";
import { pathOnNode, type EtcdPod } from "./etcd-pods";
import {
  ASKER,
  askerPod,
  CERTIFICATES,
  certificatesOnNode,
  certificatesPod,
  etcdctlFlags,
  FOLDER,
  folderPod,
  type HelperPod,
  READER,
  SCRATCH,
  withHelperPod,
} from "./helper-pod";
import { BrokenTransfer, execIn, type Target } from "./in-pod";
import type { Kubectl } from "./kubectl";
import { isLeft, ownName } from "./own-names";
import { serverName, withForward, type ClientTls } from "./port-forward";
import type { WayName } from "./way-names";

/** What every way is given. */
export interface Reaching {
  readonly kubectl: Kubectl;
  readonly signal: AbortSignal;
  /** Image of our own pods. */
  readonly helperImage: string;
  /** The client's certificates, where they were given. @default they are read from the node */
  readonly tls?: ClientTls | undefined;
}

/** A way that was not taken, and why. */
export interface ClosedWay {
  readonly way: WayName;
  readonly reason: string;
}

const ATTEMPTS = 3;

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

async function persistently<T>(once: () => Promise<T>): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await once();
    } catch (error) {
      const broken =
        error instanceof BrokenTransfer ||
        (error instanceof EtcdError &&
          (error.kind === "unavailable" || error.kind === "unreachable"));
      if (!broken || number === ATTEMPTS) throw error;
    }
  }
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

/** Forwards the pod's client port and reaches etcd from here, as any endpoint is. */
function byForward<T>(
  reaching: Reaching,
  pod: EtcdPod,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  return persistently(() =>
    withForwardedEtcd(reaching, pod, async (endpoint) => {
      const member = openMember(endpoint, reaching.signal);
      try {
        return await work(member);
      } finally {
        member.close();
      }
    }),
  );
}

/** Does some work with the endpoint that a forwarded port is. */
export async function withForwardedEtcd<T>(
  reaching: Reaching,
  pod: EtcdPod,
  work: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  const { kubectl } = reaching;
  if (!pod.tls) {
    return withForward(kubectl, pod, (localPort) => work({ url: pod.localUrl, localPort }));
  }
  const tls = reaching.tls ?? (await certificatesFromNode(reaching, pod));
  const hosts = [pod.localUrl, ...pod.endpoints].map((url) =>
    new URL(url).hostname.replace(/^\[|\]$/g, ""),
  );
  const names = [...new Set([...hosts, "127.0.0.1", "localhost", pod.node, pod.name])].filter(
    Boolean,
  );
  const name = await withForward(kubectl, pod, (port) => serverName(port, tls, names));
  const host = name.includes(":") ? `[${name}]` : name;
  const url = `https://${host}:${new URL(pod.localUrl).port || "2379"}`;
  return withForward(kubectl, pod, (localPort) => work({ url, localPort, tls }));
}

/** Reads the client certificate that the node has, into memory and nowhere else. */
async function certificatesFromNode(reaching: Reaching, pod: EtcdPod): Promise<ClientTls> {
  const { kubectl, helperImage, signal } = reaching;
  const files = certificatesOnNode(pod);
  if (files === undefined) {
    throw new ClusterError(
      "environment",
      `the pod does not say where on its node a client certificate is; give --cacert, --cert and --key`,
      true,
    );
  }
  const helper = certificatesPod(pod, helperImage, files);
  return withHelperPod(kubectl, helper, signal, async () => {
    const target = { namespace: helper.namespace, pod: helper.name, container: READER };
    const read = async (file: string): Promise<string> => {
      const pem = await execIn(kubectl, target, ["cat", file], "reading the client certificate");
      // A stream that was cut ends without an error; a PEM text has its end.
      if (/-----BEGIN [^-]+-----[^]*-----END [^-]+-----\s*$/.test(pem)) return pem;
      throw new BrokenTransfer("environment", "the client certificate came short");
    };
    return {
      ca: await read(CERTIFICATES.ca),
      certificate: await read(CERTIFICATES.certificate),
      key: await read(CERTIFICATES.key),
    };
  });
}

/** Runs etcdctl in etcd's own container, into the folder of the node where etcd has its data. */
async function byExec<T>(
  reaching: Reaching,
  pod: EtcdPod,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const { kubectl, helperImage, signal } = reaching;
  const { dataDir = "" } = pod;
  const hostFolder = pathOnNode(pod, dataDir);
  if (hostFolder === undefined) {
    throw new ClusterError(
      "environment",
      "the pod does not say which folder of its node etcd has its data in, so there is nowhere to save to",
      true,
    );
  }
  const asker = { namespace: pod.namespace, pod: pod.name, container: pod.container };
  // Fails here, where the image has no etcdctl or exec is forbidden, and not after a pod was made.
  await execIn(kubectl, asker, ["etcdctl", "version"], `running etcdctl in ${pod.name}`);
  const flags = etcdctlFlags(pod.localUrl, pod.certificates);
  const take = async (reader: Target, readerFolder: string): Promise<T> => {
    await removeLeftFiles(kubectl, reader, readerFolder);
    return withEtcdctl(
      kubectl,
      { asker, reader, askerFolder: dataDir, readerFolder, file: `${ownName()}.db`, flags },
      work,
    );
  };
  if (await canRead(kubectl, asker)) return take(asker, dataDir);
  const helper = folderPod(pod, helperImage, hostFolder);
  return withHelperPod(kubectl, helper, signal, () =>
    take({ namespace: helper.namespace, pod: helper.name, container: READER }, FOLDER),
  );
}

/** Whether a file can be got out of a container: distroless images have nothing to do it with. */
async function canRead(kubectl: Kubectl, target: Target): Promise<boolean> {
  try {
    await execIn(
      kubectl,
      target,
      ["sha256sum", "/dev/null"],
      `looking for programs in ${target.pod}`,
    );
    return true;
  } catch (error) {
    if (error instanceof ClusterError && error.isClosed) return false;
    throw error;
  }
}

/** Removes the snapshots that runs which were killed have left beside etcd's data. */
async function removeLeftFiles(kubectl: Kubectl, reader: Target, folder: string): Promise<void> {
  const listed = await execIn(
    kubectl,
    reader,
    ["ls", folder],
    `looking at ${folder} of ${reader.pod}`,
  );
  const left = listed.split("\n").filter((name) => isLeft(name, 0));
  if (left.length === 0) return;
  const files = left.map((name) => `${folder}/${name}`);
  await execIn(
    kubectl,
    reader,
    ["rm", "-f", ...files],
    "removing snapshots that an earlier run left",
  );
}

/** Runs etcdctl in a pod of ours on etcd's node: nothing is run in etcd's own, and nothing is written beside its data. */
async function byNode<T>(
  reaching: Reaching,
  pod: EtcdPod,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const { kubectl, helperImage, signal } = reaching;
  const files = certificatesOnNode(pod);
  if (pod.tls && files === undefined) {
    throw new ClusterError(
      "environment",
      "the pod does not say where on its node a client certificate is",
      true,
    );
  }
  const helper = askerPod(pod, helperImage, files);
  return withHelperPod(kubectl, helper, signal, () => {
    const { namespace, name } = helper;
    const reader = { namespace, pod: name, container: READER };
    const asker = { namespace, pod: name, container: ASKER };
    const flags = etcdctlFlags(pod.localUrl, files && CERTIFICATES);
    const folders = { askerFolder: SCRATCH, readerFolder: SCRATCH };
    return withEtcdctl(
      kubectl,
      { asker, reader, ...folders, file: `${ownName()}.db`, flags },
      work,
    );
  });
}

/** Several tries fetch one saved file; it is removed at the end, whatever happened. */
async function withEtcdctl<T>(
  kubectl: Kubectl,
  places: EtcdctlPlaces,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const source = etcdctlSource(kubectl, places);
  try {
    return await persistently(() => work(source));
  } finally {
    await source.remove();
  }
}
