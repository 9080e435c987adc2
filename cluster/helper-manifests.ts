/** What our short-lived pods are: for each purpose its manifest, and where in it the folders and certificates of the node are. */
import { type CertificatePaths, type EtcdPod, pathOnNode } from "./etcd-pods";
import { DEADLINE_S, ownName } from "./own-names";

/** On everything that we make in a cluster. */
export const LABEL = "app.kubernetes.io/managed-by=etcd-restore";
const [LABEL_NAME = "", LABEL_VALUE = ""] = LABEL.split("=");

/** A pod of ours, before it is made: a manifest, and what it is there for. */
export interface HelperPod {
  readonly name: string;
  readonly namespace: string;
  /** For `--dry-run` and messages. */
  readonly purpose: string;
  readonly manifest: Readonly<Record<string, unknown>>;
}

/** Where each folder of the node is in our pods. */
export const FOLDER = "/node";
/** A folder that lives as long as the pod. */
export const SCRATCH = "/scratch";
export const READER = "reader";
export const ASKER = "etcdctl";

/** A pod that sees the folder of the node in which etcd has its data, at `/node`: to read a file there, and remove it. */
export function folderPod(pod: EtcdPod, image: string, hostPath: string): HelperPod {
  const mount = { name: "folder", mountPath: FOLDER };
  return helperPod(pod, `fetch a file from ${hostPath} of node ${pod.node}`, {
    containers: [readerContainer(image, [mount])],
    volumes: [{ name: "folder", hostPath: { path: hostPath, type: "Directory" } }],
  });
}

/** A pod that sees the folder of the node in which etcd has its data, and copies out of it into a folder of its own. */
export function dataPod(pod: EtcdPod, image: string, hostPath: string): HelperPod {
  const mounts = [
    { name: "folder", mountPath: FOLDER, readOnly: true },
    { name: "scratch", mountPath: SCRATCH },
  ];
  return helperPod(pod, `copy the files of etcd out of ${hostPath} of node ${pod.node}`, {
    containers: [readerContainer(image, mounts)],
    volumes: [
      { name: "folder", hostPath: { path: hostPath, type: "Directory" } },
      { name: "scratch", emptyDir: {} },
    ],
  });
}

/** A pod that sees the node's client certificates, and nothing else. */
export function certificatesPod(pod: EtcdPod, image: string, files: CertificatePaths): HelperPod {
  const { mounts, volumes } = certificateVolumes(files);
  return helperPod(pod, `read the client certificate of etcd on node ${pod.node}`, {
    containers: [readerContainer(image, mounts)],
    volumes,
  });
}

/** Where a pod of ours has each of the certificates. */
export const CERTIFICATES: CertificatePaths = {
  ca: "/pki/ca",
  certificate: "/pki/certificate",
  key: "/pki/key",
};

function certificateVolumes(files: CertificatePaths) {
  const names = ["ca", "certificate", "key"] as const;
  return {
    mounts: names.map((name) => ({
      name: `pki-${name}`,
      mountPath: CERTIFICATES[name],
      readOnly: true,
    })),
    volumes: names.map((name) => ({
      name: `pki-${name}`,
      hostPath: { path: files[name], type: "File" },
    })),
  };
}

/**
 * A pod with etcd's own image beside a reader: on the node's network, with the node's certificates, and a folder of its
 * own for the snapshot. Nothing is run in etcd's pod, and nothing is written where etcd has its data.
 */
export function askerPod(
  pod: EtcdPod,
  image: string,
  certificates: CertificatePaths | undefined,
): HelperPod {
  const pki =
    certificates === undefined ? { mounts: [], volumes: [] } : certificateVolumes(certificates);
  const scratch = { name: "scratch", mountPath: SCRATCH };
  const flags = etcdctlFlags(pod.localUrl, certificates && CERTIFICATES);
  const asker = {
    name: ASKER,
    image: pod.image,
    imagePullPolicy: "IfNotPresent",
    // The image has no sleep: a watch of a key that nobody writes waits as well.
    command: ["etcdctl", ...flags, "watch", "/etcd-restore/nothing"],
    volumeMounts: [...pki.mounts, scratch],
  };
  return helperPod(pod, `take the snapshot of ${pod.name} from its node`, {
    hostNetwork: true,
    containers: [asker, readerContainer(image, [scratch])],
    volumes: [...pki.volumes, { name: "scratch", emptyDir: {} }],
  });
}

/** The flags with which etcdctl asks one member. */
export function etcdctlFlags(url: string, files: CertificatePaths | undefined): readonly string[] {
  const tls =
    files === undefined
      ? []
      : [`--cacert=${files.ca}`, `--cert=${files.certificate}`, `--key=${files.key}`];
  return [`--endpoints=${url}`, ...tls];
}

/** The certificates of an etcd pod by their paths on the node; undefined when one of them is not there. */
export function certificatesOnNode(pod: EtcdPod): CertificatePaths | undefined {
  const { certificates } = pod;
  if (certificates === undefined) return undefined;
  const [ca, certificate, key] = [certificates.ca, certificates.certificate, certificates.key].map(
    (file) => pathOnNode(pod, file),
  );
  return ca === undefined || certificate === undefined || key === undefined
    ? undefined
    : { ca, certificate, key };
}

function readerContainer(image: string, volumeMounts: readonly object[]) {
  return {
    name: READER,
    image,
    imagePullPolicy: "IfNotPresent",
    // Ends at once when it is told to: process 1 hears no signal that it has no handler for.
    command: ["sh", "-c", `trap 'exit 0' TERM; sleep ${DEADLINE_S} & wait`],
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
    volumeMounts,
  };
}

function helperPod(
  pod: EtcdPod,
  purpose: string,
  spec: Readonly<Record<string, unknown>>,
): HelperPod {
  const name = ownName();
  const { namespace, node } = pod;
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { [LABEL_NAME]: LABEL_VALUE } },
    spec: {
      nodeName: node,
      restartPolicy: "Never",
      activeDeadlineSeconds: DEADLINE_S,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: [{ operator: "Exists" }],
      ...spec,
    },
  };
  return { name, namespace, purpose, manifest };
}
