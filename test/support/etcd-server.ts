import { execFile as execFileCallback, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { makePki } from "../../machine/pki/pki";
import type { Pki } from "../../machine/pki/pki-texts";
import { ensureEtcd, type EtcdPrograms } from "../../machine/programs/programs";
import { hasEtcdutl } from "../../machine/programs/version";
import type { Endpoint } from "../../etcd/client/endpoint";
import { freePorts } from "./ports";

const execFile = promisify(execFileCallback);

/** A real etcd of one member on 127.0.0.1 with a data directory of its own. */
export interface EtcdServer {
  readonly url: string;
  /** The same with what TLS needs. */
  readonly endpoint: Endpoint;
  readonly pid: number;
  /** etcdctl with the flags that reach it. */
  readonly etcdctlArgv: readonly string[];
  /** Runs etcdctl against it and gives back what it prints. */
  readonly etcdctl: (...args: readonly string[]) => Promise<string>;
  /** `etcdctl snapshot save FILE`. */
  saveSnapshot(file: string): Promise<void>;
  /** The answer of `POST /v3/maintenance/hashkv`. */
  hashKv(revision: number): Promise<ServerHash>;
  /** Ends the process and removes its data; safe to call twice. */
  stop(): Promise<void>;
}

export interface ServerHash {
  readonly hash: number;
  /** -1: never compacted. */
  readonly compactRevision: number;
}

/** How the server is started. */
export interface EtcdServerOptions {
  /** Minor version. Default: 3.6. */
  readonly version?: string;
  /** Folder with the programs of that version. Default: they are found, or installed. */
  readonly programs?: string;
  /** A snapshot file that it is restored from, by `etcdutl` of the same version. Default: it starts empty. */
  readonly snapshot?: string;
  /** A data directory that it serves in place and leaves behind. Default: one of its own, gone with it. */
  readonly dataDirectory?: string;
  /** Mutual TLS for clients, with these certificates or new ones. Default: none. */
  readonly tls?: boolean | Pki;
  /** More flags. */
  readonly flags?: readonly string[];
  /** How long it may take to be healthy, in milliseconds. Default: 30 s. */
  readonly startLimitMs?: number;
}

const START_LIMIT_MS = 60_000;
/** Programs of each version that were found; finding them starts each, 0.2 s. */
const found = new Map<string, Promise<EtcdPrograms>>();

/** The programs of a minor version, looked for once a process. */
export function programsOf(version: string): Promise<EtcdPrograms> {
  const programs = found.get(version) ?? ensureEtcd(version);
  found.set(version, programs);
  return programs;
}

/** Starts etcd on free ports and waits until it is healthy, 30 s at most. */
export async function startEtcdServer(options: EtcdServerOptions = {}): Promise<EtcdServer> {
  const { version = "3.6", programs: folder } = options;
  const programs = await (folder === undefined
    ? programsOf(version)
    : ensureEtcd(version, { directory: folder }));
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-test-"));
  try {
    return await startIn(directory, programs, options);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(
  directory: string,
  programs: EtcdPrograms,
  options: EtcdServerOptions,
): Promise<EtcdServer> {
  const [client, peer, health] = await freePorts(3);
  const { tls: wanted = false } = options;
  const url = `${wanted === false ? "http" : "https"}://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const healthUrl = `http://127.0.0.1:${health}`;
  const member = ["--name", "test", "--initial-advertise-peer-urls", peerUrl];
  const cluster = [...member, "--initial-cluster", `test=${peerUrl}`];
  const data = options.dataDirectory ?? join(directory, "data");
  if (options.snapshot !== undefined) {
    const restore = ["snapshot", "restore", options.snapshot, "--data-dir", data];
    await execFile(programs.etcdutl, [...restore, ...cluster]);
  }
  const tls = wanted === false ? undefined : await writeTls(directory, wanted);
  const server = spawn(
    programs.etcd,
    [
      ...cluster,
      ...["--data-dir", data, "--log-level", "error"],
      ...["--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peerUrl, "--listen-metrics-urls", healthUrl],
      ...(hasEtcdutl(programs.version) ? ["--unsafe-no-fsync"] : []), // as old as that flag
      ...(tls?.serverFlags ?? []),
      ...(options.flags ?? []),
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  server.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  // A test run that is ended in the middle of a test leaves no server behind.
  const killed = () => server.kill("SIGKILL");
  process.once("exit", killed);
  const stop = async () => {
    await endProcess(server);
    process.off("exit", killed);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await healthy(healthUrl, server, () => log, options.startLimitMs ?? START_LIMIT_MS);
    // Which the gateway tells without TLS only.
    if (tls === undefined) await versionDecided(url);
  } catch (error) {
    await stop();
    throw error;
  }
  const flags = [`--endpoints=${url}`, "--command-timeout=300s", ...(tls?.clientFlags ?? [])];
  const etcdctl = async (...args: readonly string[]) =>
    (await execFile(programs.etcdctl, [...flags, ...args], { maxBuffer: 2 ** 28 })).stdout;
  return {
    url,
    endpoint: { url, ...(tls && { tls: tls.client }) },
    pid: server.pid ?? 0,
    etcdctlArgv: [programs.etcdctl, ...flags],
    etcdctl,
    async saveSnapshot(file) {
      await etcdctl("snapshot", "save", file);
    },
    async hashKv(revision) {
      const answer = await post(`${url}/v3/maintenance/hashkv`, { revision: String(revision) });
      return {
        hash: numberIn(answer, "hash"),
        compactRevision: numberIn(answer, "compact_revision"),
      };
    },
    stop,
  };
}

/** Writes certificates where etcd and etcdctl read them. */
async function writeTls(directory: string, given: true | Pki) {
  const pki = given === true ? await makePki({ addresses: [], dnsNames: [] }) : given;
  const file = async (name: string, content: string) => {
    const path = join(directory, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const ca = await file("ca.crt", pki.ca);
  return {
    client: { ca: pki.ca, certificate: pki.client, key: pki.clientKey },
    serverFlags: [
      ...["--client-cert-auth", "--trusted-ca-file", ca],
      ...["--cert-file", await file("server.crt", pki.server)],
      ...["--key-file", await file("server.key", pki.serverKey)],
    ],
    clientFlags: [
      `--cacert=${ca}`,
      `--cert=${await file("client.crt", pki.client)}`,
      `--key=${await file("client.key", pki.clientKey)}`,
    ],
  };
}

async function healthy(
  url: string,
  server: ChildProcess,
  log: () => string,
  limitMs: number,
): Promise<void> {
  const end = Date.now() + limitMs;
  for (;;) {
    if (server.exitCode !== null) {
      throw new Error(`etcd ended with ${server.exitCode} while it started:\n${log()}`);
    }
    // An alarm that came along with a backup is no reason not to serve.
    const health = `${url}/health?exclude=NOSPACE&exclude=CORRUPT`;
    const response = await fetch(health, answerSoon()).catch(() => undefined);
    if (response?.ok === true) return;
    if (Date.now() > end)
      throw new Error(`etcd was not healthy within ${limitMs / 1000} s:\n${log()}`);
    await delay(50);
  }
}

/** An etcd on a broken store may accept a connection and never answer. */
function answerSoon(): RequestInit {
  return { signal: AbortSignal.timeout(5000) };
}

/** A store that is saved before its cluster version is written does not tell which etcd wrote it. */
async function versionDecided(url: string): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  while ((await (await fetch(`${url}/version`, answerSoon())).text()).includes("not_decided")) {
    if (Date.now() > end)
      throw new Error("etcd had not decided its cluster version within a minute");
    await delay(20);
  }
}

async function endProcess(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, "exit");
  server.kill("SIGTERM");
  const timer = setTimeout(() => server.kill("SIGKILL"), 10_000);
  await exited;
  clearTimeout(timer);
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

/** A number of a gateway's answer, where 64-bit numbers are strings and zeros are left out. */
function numberIn(answer: unknown, field: string): number {
  const value: unknown =
    typeof answer === "object" && answer !== null ? Reflect.get(answer, field) : undefined;
  return Number(value ?? 0);
}
