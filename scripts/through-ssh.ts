/** The way to an etcd whose client port is not open to this computer: through the SSH of its machine. */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { reach } from "../machine/ssh/reach";
import { SshRoute } from "../machine/ssh/ssh-files";
import { openTunnel } from "../machine/ssh/ssh-tunnel";
import type { Endpoint } from "../etcd/client/endpoint";
import { openEtcd } from "../etcd/client/etcd-client";
import { EtcdError } from "../etcd/client/etcd-error";
import { say } from "./terminal";

/** What `--access-stdin` takes: what must stand neither on a command line nor in a file. */
export const Access = z.object({
  password: z.string().optional(),
  /** A client's certificate and key, PEM, instead of those that the flags name. */
  certificate: z.string().optional(),
  key: z.string().optional(),
  ssh: SshRoute.optional(),
  /** The same for each endpoint after the first. */
  otherSsh: z.array(SshRoute).optional(),
  /** Kubernetes' EncryptionConfiguration, as text. */
  encryptionConfig: z.string().optional(),
});

export type Access = Readonly<z.infer<typeof Access>>;

/** How long a port may take to answer until it counts as not open. */
const DIRECT_LIMIT_MS = 4_000;
/** How long an etcd may take to be started again. */
const RESTART_LIMIT_MS = 20_000;

/**
 * Does some work with an endpoint: directly where that answers in 4 s, else (and always behind a bastion) through the
 * SSH of its machine, and says so on stderr. Without a route: directly.
 * @throws MachineError when SSH does not lead there
 */
export async function throughSsh<T>(
  endpoint: Endpoint,
  route: SshRoute | undefined,
  signal: AbortSignal,
  work: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  const { hostname, port } = new URL(endpoint.url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (route === undefined) return work(endpoint);
  const direct = route.proxy === undefined && (await reach(host, Number(port), DIRECT_LIMIT_MS));
  if (direct) return work(endpoint);
  const way = route.proxy === undefined ? "" : ` behind ${route.proxy.host}`;
  say(`${endpoint.url}: asking through SSH of ${route.host}${way}`);
  const tunnel = await openTunnel(route, Number(port), signal);
  try {
    const inside = { ...endpoint, socketPath: tunnel.socketPath };
    await answered(inside, signal);
    return await work(inside);
  } finally {
    await tunnel.close();
  }
}

/** The same for several endpoints, each through the SSH of its own machine. */
export async function allThroughSsh<T>(
  endpoints: readonly Endpoint[],
  routes: readonly (SshRoute | undefined)[],
  signal: AbortSignal,
  work: (endpoints: readonly Endpoint[]) => Promise<T>,
): Promise<T> {
  const [first, ...rest] = endpoints;
  if (first === undefined) return work([]);
  return throughSsh(first, routes[0], signal, (reached) =>
    allThroughSsh(rest, routes.slice(1), signal, (others) => work([reached, ...others])),
  );
}

/** Waits while nothing listens there: an etcd that has ended is started again by systemd, after 5 s. */
async function answered(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
  const end = Date.now() + RESTART_LIMIT_MS;
  for (let look = 1; Date.now() < end; look += 1) {
    const client = openEtcd(endpoint, signal);
    try {
      await client.status();
      return;
    } catch (error) {
      // Anything else is for the work to say.
      if (!(error instanceof EtcdError && error.kind === "unreachable")) return;
    } finally {
      client.close();
    }
    if (look === 1) {
      const limit = `${RESTART_LIMIT_MS / 1000} s`;
      say(`nothing listens there: waiting ${limit} for etcd to be started again`);
    }
    await sleep(500, undefined, { signal });
  }
}
