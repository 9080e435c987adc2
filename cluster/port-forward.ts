/**
 * A port of a pod, forwarded to this computer by kubectl. It ends by itself after any connection that breaks, and what
 * fails then says "connection refused" and hides why: so one forward for one use, and a handshake of our own first.
 */
import * as tls from "node:tls";
import type { Endpoint } from "../etcd/client/endpoint";
import { ClusterError } from "./cluster-error";
import type { EtcdPod } from "./etcd-pods";
import { closesOneWay, type Kubectl, type KubectlProcess } from "./kubectl";
import { failureOf } from "./words";

const START_LIMIT_MS = 30_000;
const HANDSHAKE_LIMIT_MS = 15_000;

/** PEM texts of a client's TLS. */
export type ClientTls = NonNullable<Endpoint["tls"]>;

/** Does some work with a forwarded port of a pod, and ends the forward. */
export async function withForward<T>(
  kubectl: Kubectl,
  pod: Pick<EtcdPod, "namespace" | "name" | "localUrl">,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const remote = new URL(pod.localUrl).port || "2379";
  const argv = [
    "port-forward",
    "-n",
    pod.namespace,
    `pod/${pod.name}`,
    "--address=127.0.0.1",
    `:${remote}`,
  ];
  const child = kubectl.start(argv);
  try {
    return await work(await forwarded(child, pod.name));
  } finally {
    child.kill("SIGTERM");
  }
}

/** The local port, when kubectl says that it is open. */
function forwarded(child: KubectlProcess, pod: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const doing = `forwarding a port of ${pod}`;
    let out = "";
    let said = "";
    const limit = setTimeout(() => {
      reject(
        new ClusterError(
          "environment",
          `${doing}: not open within ${START_LIMIT_MS / 1000} s`,
          true,
        ),
      );
    }, START_LIMIT_MS);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      const port = /Forwarding from 127\.0\.0\.1:(\d+) /.exec(out)?.[1];
      if (port === undefined) return;
      clearTimeout(limit);
      resolve(Number(port));
    });
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (said = (said + text).slice(-4000)));
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(limit);
      const failure = failureOf(said, doing);
      reject(new ClusterError("environment", failure.message, closesOneWay(failure)));
    });
  });
}

/**
 * The name that the etcd's certificate is for, of those that it may have: the forwarded address is not the server's own.
 * @throws ClusterError that says what is wrong with the certificates, this side's or the server's
 */
export function serverName(
  port: number,
  client: ClientTls,
  names: readonly string[],
): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string): void => {
      socket.destroy();
      reject(
        new ClusterError(
          "environment",
          `no TLS with the etcd behind the forwarded port: ${why}`,
          true,
        ),
      );
    };
    const socket = tls.connect({
      host: "127.0.0.1",
      port,
      ca: client.ca,
      ...(client.certificate === undefined ? {} : { cert: client.certificate }),
      ...(client.key === undefined ? {} : { key: client.key }),
      ALPNProtocols: ["h2"],
      // Looked at below, against all the names.
      checkServerIdentity: () => undefined,
    });
    socket.setTimeout(HANDSHAKE_LIMIT_MS, () => {
      refuse(`no answer within ${HANDSHAKE_LIMIT_MS / 1000} s`);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      refuse(reason(error));
    });
    // A server that refuses the client's certificate says so after the handshake (TLS 1.3): with its first byte or end.
    socket.on("secureConnect", () => {
      const certificate = socket.getPeerCertificate();
      const name = names.find((one) => tls.checkServerIdentity(one, certificate) === undefined);
      if (name === undefined) {
        refuse(
          `its certificate is for ${certificate.subjectaltname ?? "nobody"}, and not for one of ${names.join(", ")}`,
        );
        return;
      }
      socket.once("data", () => {
        socket.destroy();
        resolve(name);
      });
      socket.on("close", () => {
        refuse(
          "it closed the connection: the client certificate is not of the CA that it trusts, or missing",
        );
      });
      socket.write(HTTP2_PREFACE);
    });
  });
}

/** With an empty SETTINGS frame behind it: the server answers with its own (RFC 9113, section 3.4). */
const HTTP2_PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

function reason(error: NodeJS.ErrnoException): string {
  if (error.code === "CERT_HAS_EXPIRED") return "its certificate has expired";
  if (
    /ALERT_BAD_CERTIFICATE|CERTIFICATE_REQUIRED|UNKNOWN_CA|CERTIFICATE_EXPIRED/i.test(
      error.code ?? "",
    )
  ) {
    return `it refuses the client certificate (${error.message.trim()})`;
  }
  if (error.code === "ECONNRESET" || error.code === "EPIPE") {
    return "the connection broke off: nothing listens there, or the client certificate is refused";
  }
  return error.message;
}
