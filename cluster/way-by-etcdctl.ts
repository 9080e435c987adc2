/** The two ways that run etcdctl in the cluster: in etcd's own container (exec), and in a pod of ours beside it (node). */
import type { Source } from "../etcd/backup/take/source";
import { ClusterError } from "./cluster-error";
import { type EtcdPod, pathOnNode } from "./etcd-pods";
import { type EtcdctlPlaces, etcdctlSource } from "./etcdctl-source";
import {
  ASKER,
  askerPod,
  CERTIFICATES,
  certificatesOnNode,
  etcdctlFlags,
  FOLDER,
  folderPod,
  READER,
  SCRATCH,
} from "./helper-manifests";
import { withHelperPod } from "./helper-pod";
import { execIn, type Target } from "./in-pod";
import type { Kubectl } from "./kubectl";
import { isLeft, ownName } from "./own-names";
import { persistently, type Reaching } from "./reaching";

/** Runs etcdctl in etcd's own container, into the folder of the node where etcd has its data. */
export async function byExec<T>(
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
export async function byNode<T>(
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
