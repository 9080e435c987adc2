/** What time it is at a server, and how long a server's process has been running: what it says of itself at `/metrics`, beside gRPC on the same port. */
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";

import type { Endpoint } from "./endpoint";

const LIMIT_MS = 5000;
/** etcd's metrics are 100 to 200 kB. */
const MOST_BYTES = 4 * 1024 * 1024;

/** By the server's own clock: no other one is trusted to agree with it. */
export interface ServerClock {
  /** Unix time in milliseconds, of whole seconds. */
  readonly now: number;
  /** Seconds since its process began. */
  readonly uptime: number;
}

/**
 * Asks for the server's time.
 *
 * Undefined where it does not tell (metrics may be served elsewhere, or by nobody): never an error.
 */
export async function serverClock(
  endpoint: Endpoint,
  signal?: AbortSignal,
): Promise<ServerClock | undefined> {
  try {
    const { date, text } = await getMetrics(endpoint, signal);
    // The Prometheus client library's standard metric, in Unix time.
    const began = Number(/^process_start_time_seconds (\S+)$/m.exec(text)?.[1]);
    const now = Date.parse(date);
    const uptime = now / 1000 - began;
    return Number.isFinite(uptime) && began > 0 ? { now, uptime: Math.max(0, uptime) } : undefined;
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return undefined;
  }
}

function getMetrics(
  { url, socketPath, localPort, tls }: Endpoint,
  signal?: AbortSignal,
): Promise<{ readonly date: string; readonly text: string }> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const secure = protocol === "https:";
  const limit = AbortSignal.timeout(LIMIT_MS);
  const options: https.RequestOptions = {
    host,
    port: port || (secure ? 443 : 80),
    path: "/metrics",
    agent: false,
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    ...(socketPath !== undefined && { socketPath }),
    ...(localPort !== undefined && { host: "127.0.0.1", port: localPort }),
    ...(secure && net.isIP(host) === 0 && { servername: host }),
    ...(secure && {
      checkServerIdentity: (_: string, certificate: PeerCertificate) =>
        checkServerIdentity(host, certificate),
    }),
    ...(tls && { ca: tls.ca, cert: tls.certificate, key: tls.key }),
  };
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).get(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MOST_BYTES) request.destroy(new Error("too long for etcd's metrics"));
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve({ date: response.headers.date ?? "", text });
        else reject(new Error(`HTTP ${response.statusCode ?? "?"}`));
      });
    });
    request.on("error", reject);
  });
}
