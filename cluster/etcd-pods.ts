/** Which pods of a cluster are etcd, and how each is reached: read from the pods as the API server gives them. */
import { z } from "zod";
import { etcdFlags, imageName, type EtcdFlags } from "./etcd-flags";

/** Files of a client's TLS, by their paths in some place. */
export interface CertificatePaths {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** One etcd of a cluster. */
export interface EtcdPod {
  readonly name: string;
  readonly namespace: string;
  /** kops and the large clusters of old keep events in an etcd of their own. */
  readonly cluster: "main" | "events";
  readonly node: string;
  readonly ready: boolean;
  /** Name of the container that etcd runs in. */
  readonly container: string;
  readonly image: string;
  /** `3.6.16`, by the image's tag; undefined where that says none. */
  readonly version?: string;
  /** Where clients are served, as the pod advertises it. */
  readonly endpoints: readonly string[];
  /** How it is reached from its own node, and so from its pod. */
  readonly localUrl: string;
  /** Whether clients are served with TLS. */
  readonly tls: boolean;
  /** In the container; what a client may use there. */
  readonly certificates?: CertificatePaths;
  /** In the container, and on the node where it is a folder of the node. */
  readonly dataDir?: string;
  /** Folders of the node, by where they are in the container. */
  readonly mounts: Readonly<Record<string, string>>;
}

const Condition = z.object({ type: z.string(), status: z.string() });
const Container = z.object({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).optional(),
  volumeMounts: z
    .array(z.object({ name: z.string(), mountPath: z.string(), subPath: z.string().optional() }))
    .optional(),
});
const Pod = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.object({
    nodeName: z.string().optional(),
    containers: z.array(Container),
    volumes: z
      .array(z.object({ name: z.string(), hostPath: z.object({ path: z.string() }).optional() }))
      .optional(),
  }),
  status: z
    .object({ phase: z.string().optional(), conditions: z.array(Condition).optional() })
    .optional(),
});
const PodList = z.object({ items: z.array(z.unknown()) });
type Pod = z.infer<typeof Pod>;

/** The etcd pods of an answer of `kubectl get pods -o json`: main first, then by name. Others are left out. */
export function etcdPods(answer: unknown): readonly EtcdPod[] {
  return PodList.parse(answer)
    .items.flatMap((item) => {
      const pod = Pod.safeParse(item);
      return pod.success ? (etcdPod(pod.data) ?? []) : [];
    })
    .sort(
      (a, b) =>
        Number(a.cluster === "events") - Number(b.cluster === "events") ||
        a.name.localeCompare(b.name, "en", { numeric: true }),
    );
}

function etcdPod(pod: Pod): EtcdPod | undefined {
  for (const container of pod.spec.containers) {
    const found = etcdFlags(container);
    if (found === undefined) continue;
    const { metadata, spec, status } = pod;
    const urls = clientUrls(found);
    const certificates = certificatesOf(found);
    // Of another image, etcd-manager's for one, it is the version of something else.
    const isEtcd = imageName(container.image) === "etcd";
    const version = isEtcd ? /:v?(\d+\.\d+\.\d+)/.exec(container.image)?.[1] : undefined;
    const dataDir = found.flags.get("data-dir");
    const conditions = status?.conditions ?? [];
    return {
      name: metadata.name,
      namespace: metadata.namespace,
      cluster: isOfEvents(pod, found) ? "events" : "main",
      node: spec.nodeName ?? "",
      ready:
        metadata.deletionTimestamp === undefined &&
        conditions.some((one) => one.type === "Ready" && one.status === "True"),
      container: container.name,
      image: container.image,
      ...(version !== undefined && { version }),
      endpoints: urls.map((url) => url.replace("__name__", spec.nodeName ?? "__name__")),
      localUrl: localUrl(found, urls),
      tls: urls.some((url) => url.startsWith("https:")),
      ...(certificates !== undefined && { certificates }),
      ...(dataDir !== undefined && { dataDir }),
      mounts: hostMounts(pod, container),
    };
  }
  return undefined;
}

/**
 * Whether it is the etcd of the events: by its label, else by its name without the node's (a node may be called
 * events-1), else by the name of its own cluster.
 */
function isOfEvents({ metadata, spec }: Pod, { flags }: EtcdFlags): boolean {
  const label = metadata.labels?.["k8s-app"];
  if (label?.startsWith("etcd") === true) return /(^|-)events?($|-)/.test(label);
  const node = spec.nodeName ?? "";
  const base = metadata.name.endsWith(`-${node}`)
    ? metadata.name.slice(0, -node.length - 1)
    : metadata.name;
  if (/(^|-)events?($|-)/.test(base)) return true;
  const own = flags.get("cluster-name") ?? flags.get("initial-cluster-token") ?? "";
  return /(^|-)events?($|-)/.test(own);
}

function clientUrls({ flags }: EtcdFlags): readonly string[] {
  for (const name of ["advertise-client-urls", "client-urls", "listen-client-urls"]) {
    const urls = (flags.get(name) ?? "").split(",").map((url) => url.trim());
    const known = urls.filter((url) => /^https?:\/\//.test(url));
    if (known.length > 0) return known;
  }
  return [];
}

/** At the loopback address where it listens there, as nearly all do; else where it says it is. */
function localUrl({ flags }: EtcdFlags, urls: readonly string[]): string {
  const listens = (flags.get("listen-client-urls") ?? flags.get("client-urls") ?? "").split(",");
  const loopback = /^(https?):\/\/(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]|__name__)?:(\d+)/;
  for (const url of listens) {
    const [, scheme, port] = loopback.exec(url.trim()) ?? [];
    if (scheme !== undefined && port !== undefined) return `${scheme}://127.0.0.1:${port}`;
  }
  return urls[0] ?? "http://127.0.0.1:2379";
}

/** etcd-manager's own files are no client's; the API server's are, and kops puts them at the same place everywhere. */
const KOPS = "/rootfs/etc/kubernetes/pki/kube-apiserver";

function certificatesOf({ program, flags }: EtcdFlags): CertificatePaths | undefined {
  if (program === "etcd-manager") {
    return {
      ca: `${KOPS}/etcd-ca.crt`,
      certificate: `${KOPS}/etcd-client.crt`,
      key: `${KOPS}/etcd-client.key`,
    };
  }
  const [ca, certificate, key] = ["trusted-ca-file", "cert-file", "key-file"].map((name) =>
    flags.get(name),
  );
  // A path with a variable of the shell in it is none that can be opened from outside.
  const isPath = (text: string | undefined): text is string => /^\/[^$]*$/.test(text ?? "");
  return isPath(ca) && isPath(certificate) && isPath(key) ? { ca, certificate, key } : undefined;
}

function hostMounts(
  pod: Pod,
  container: z.infer<typeof Container>,
): Readonly<Record<string, string>> {
  const volumes = new Map(
    (pod.spec.volumes ?? []).map(({ name, hostPath }) => [name, hostPath?.path]),
  );
  return Object.fromEntries(
    (container.volumeMounts ?? []).flatMap(({ name, mountPath, subPath }) => {
      const path = volumes.get(name);
      return path === undefined || subPath !== undefined ? [] : [[mountPath, path]];
    }),
  );
}

/** Where a file of the container lies on the node; undefined when it is no folder of the node that it lies in. */
export function pathOnNode({ mounts }: Pick<EtcdPod, "mounts">, file: string): string | undefined {
  const within = (folder: string) =>
    folder === "/" || file === folder || file.startsWith(`${folder}/`);
  const [folder] = Object.keys(mounts)
    .filter(within)
    .sort((a, b) => b.length - a.length);
  const host = folder === undefined ? undefined : mounts[folder];
  if (folder === undefined || host === undefined) return undefined;
  return `${host}/${file.slice(folder.length)}`.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
}
