/** The way through a forwarded port: etcd is reached from here, with a client certificate that was given or that its node has. */
import type { Source } from "../etcd/backup/take/source";
import type { Endpoint } from "../etcd/client/endpoint";
import { openMember } from "../etcd/client/member-client";
import { ClusterError } from "./cluster-error";
import type { EtcdPod } from "./etcd-pods";
import { CERTIFICATES, certificatesOnNode, certificatesPod, READER } from "./helper-manifests";
import { withHelperPod } from "./helper-pod";
import { BrokenTransfer, execIn } from "./in-pod";
import { type ClientTls, serverName, withForward } from "./port-forward";
import { persistently, type Reaching } from "./reaching";

/** Forwards the pod's client port and reaches etcd from here, as any endpoint is. */
export function byForward<T>(
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
