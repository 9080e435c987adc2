/** A real cluster of several etcds on 127.0.0.1, each of which can be ended and started again. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { onTestFinished } from "vitest";

import { programsOf } from "./etcd-server";
import { freePorts } from "./ports";
import { temporaryDirectory } from "./temporary";

export interface ClusterNode {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  readonly database: string;
  start(state?: "new" | "existing", cluster?: string): Promise<void>;
  stop(): Promise<void>;
  /** To its process: SIGSTOP makes it lag, SIGCONT lets it catch up. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
}

const START_LIMIT_MS = 60_000;

/** Starts a cluster of so many members for the running test; waits until each is healthy. */
export async function startCluster(
  members: number,
  version = "3.6",
): Promise<readonly ClusterNode[]> {
  const nodes = await makeNodes(members, version);
  const cluster = nodes.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  await Promise.all(nodes.map((node) => node.start("new", cluster)));
  return nodes;
}

/** Nodes that are not started yet; all are ended with the running test. */
export async function makeNodes(
  count: number,
  version = "3.6",
  first = 1,
): Promise<readonly ClusterNode[]> {
  const { etcd } = await programsOf(version);
  const directory = await temporaryDirectory();
  const ports = await freePorts(2 * count);
  return Array.from({ length: count }, (_, i) => {
    const name = `m${first + i}`;
    return makeNode(etcd, name, join(directory, name), ports.slice(2 * i, 2 * i + 2));
  });
}

function makeNode(etcd: string, name: string, data: string, ports: readonly number[]): ClusterNode {
  const [url, peerUrl] = ports.map((port) => `http://127.0.0.1:${port}`);
  if (url === undefined || peerUrl === undefined) throw new Error("a node takes two ports");
  let running: ChildProcess | undefined;
  let flags: readonly string[] = [];
  const stop = async () => {
    const server = running;
    running = undefined;
    if (server?.exitCode !== null) return;
    const exited = once(server, "exit");
    server.kill("SIGTERM");
    const timer = setTimeout(() => server.kill("SIGKILL"), 10_000);
    await exited;
    clearTimeout(timer);
  };
  onTestFinished(stop);
  return {
    name,
    url,
    peerUrl,
    database: join(data, "member/snap/db"),
    async start(state = "existing", cluster) {
      if (cluster !== undefined) {
        flags = ["--initial-cluster", cluster, "--initial-cluster-state", state];
      }
      const server = spawn(
        etcd,
        [
          ...["--name", name, "--data-dir", data, "--log-level", "error", "--unsafe-no-fsync"],
          ...["--listen-client-urls", url, "--advertise-client-urls", url],
          ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
          ...flags,
        ],
        { stdio: "ignore" },
      );
      running = server;
      const killed = () => server.kill("SIGKILL");
      process.once("exit", killed);
      server.once("exit", () => process.off("exit", killed));
      await answering(url, server);
    },
    stop,
    signal: (name) => running?.kill(name),
  };
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  while (Date.now() < end) {
    if (server.exitCode !== null) throw new Error(`etcd at ${url} ended with ${server.exitCode}`);
    const answer = await fetch(`${url}/version`, { signal: AbortSignal.timeout(2000) }).catch(
      () => undefined,
    );
    if (answer?.ok === true && !(await answer.text()).includes("not_decided")) return;
    await delay(50);
  }
  throw new Error(`etcd at ${url} did not answer within ${START_LIMIT_MS / 1000} s`);
}
