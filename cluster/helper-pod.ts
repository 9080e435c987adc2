/**
 * Short-lived pods of ours on a node: one that reads a folder of it, and one that asks etcd from there. Each carries
 * our label, is removed when its work is done, and by the next run where that was killed; its own deadline ends it, too.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { visible } from "../etcd/wire/visible";
import { ClusterError } from "./cluster-error";
import { pathOnNode, type CertificatePaths, type EtcdPod } from "./etcd-pods";
import type { Kubectl } from "./kubectl";
import { DEADLINE_S, isLeft, ownName } from "./own-names";

/** On everything that we make in a cluster. */
export const LABEL = "app.kubernetes.io/managed-by=etcd-restore";
const [LABEL_NAME = "", LABEL_VALUE = ""] = LABEL.split("=");
/** An image may have to be pulled. */
const START_LIMIT_MS = 120_000;

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

const Status = z.object({
  status: z.object({
    phase: z.string().optional(),
    message: z.string().optional(),
    containerStatuses: z
      .array(
        z.object({
          name: z.string(),
          ready: z.boolean(),
          state: z
            .object({
              waiting: z
                .object({ reason: z.string().optional(), message: z.string().optional() })
                .optional(),
              terminated: z
                .object({ reason: z.string().optional(), message: z.string().optional() })
                .optional(),
            })
            .optional(),
        }),
      )
      .optional(),
  }),
});
/** What a container waits for that will not come by itself. */
const HOPELESS =
  /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|CreateContainerError|CreateContainerConfigError|RunContainerError|StartError|Error|ContainerCannotRun)$/;

/** Makes a pod, waits until all of it runs, does some work with it and removes it, whatever happens. */
export async function withHelperPod<T>(
  kubectl: Kubectl,
  helper: HelperPod,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const remove = () => removePods(kubectl, helper.namespace, [helper.name]);
  const doing = `making a pod to ${helper.purpose}`;
  const input = JSON.stringify(helper.manifest);
  let result: T;
  try {
    await kubectl.run(["create", "-f", "-"], doing, { input });
    await started(kubectl, helper, signal);
    result = await work();
  } catch (error) {
    // The first error is the one to tell: whoever may not make a pod may not remove one either.
    await remove().catch(() => undefined);
    throw error;
  }
  await remove();
  return result;
}

async function started(
  kubectl: Kubectl,
  { name, namespace, purpose }: HelperPod,
  signal: AbortSignal,
): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  let why = "";
  while (Date.now() < end) {
    const answer = await kubectl.run(
      ["get", "pod", name, "-n", namespace, "-o", "json"],
      "waiting for our pod",
    );
    const { status } = Status.parse(JSON.parse(answer));
    const containers = status.containerStatuses ?? [];
    if (containers.length > 0 && containers.every(({ ready }) => ready)) return;
    const states = containers.map(({ name: container, state }) => {
      const what = state?.waiting ?? state?.terminated;
      return { container, reason: what?.reason ?? "", message: what?.message ?? "" };
    });
    const hopeless = states.find(({ reason }) => HOPELESS.test(reason));
    why =
      hopeless === undefined
        ? (status.message ?? status.phase ?? "")
        : `${hopeless.container}: ${hopeless.reason} ${hopeless.message}`;
    if (hopeless !== undefined || status.phase === "Failed") break;
    await sleep(250, undefined, { signal });
  }
  const image = why.includes("Image")
    ? "; --helper-image names an image with sh, cat, rm and sha256sum that the node can have"
    : "";
  throw new ClusterError(
    "environment",
    visible(`the pod to ${purpose} does not start: ${why}${image}`),
    true,
  );
}

/** Removes pods of ours; those that are gone already are no error. Done also after an interrupt, so without its signal. */
export async function removePods(
  kubectl: Kubectl,
  namespace: string,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  const argv = [
    "delete",
    "pod",
    ...names,
    "-n",
    namespace,
    "--ignore-not-found",
    "--grace-period=1",
    "--wait=false",
  ];
  await kubectl.run(argv, "removing our pods", { always: true });
}

const Names = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), creationTimestamp: z.iso.datetime() }),
      status: z.object({ phase: z.string().optional() }),
    }),
  ),
});

/** Names of the pods that an earlier run has left: killed before it could remove them. */
export async function leftPods(kubectl: Kubectl, namespace: string): Promise<readonly string[]> {
  const argv = ["get", "pods", "-n", namespace, "-l", LABEL, "-o", "json"];
  const answer = await kubectl.run(argv, "looking for pods that an earlier run left");
  return Names.parse(JSON.parse(answer))
    .items.filter(({ metadata, status }) => {
      const seconds = (Date.now() - Date.parse(metadata.creationTimestamp)) / 1000;
      const ended = status.phase === "Succeeded" || status.phase === "Failed";
      return ended || isLeft(metadata.name, seconds);
    })
    .map(({ metadata }) => metadata.name);
}
