/**
 * What a real etcd makes of a snapshot file, asked as quickly as it can be: restored by etcdutl, started, asked for its
 * figures over the JSON gateway, written to, ended. Shares no code with the reader and the proof.
 */
import { execFile as execFileCallback, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import type { Snapshot } from "../../etcd/snapshot/snapshot";
import { programsOf } from "../support/etcd-server";
import { freePorts } from "../support/ports";

const execFile = promisify(execFileCallback);
const QUICK = ["--heartbeat-interval=10", "--election-timeout=100", "--unsafe-no-fsync"];
const START_LIMIT_MS = 60_000;
/** A machine that is busy with others may take a port in the moment between. */
const ATTEMPTS = 2;

/** What the reader says of a file and a server can be asked for. */
export interface Figures {
  readonly revision: number;
  readonly keys: number;
  readonly hashKv: number;
  readonly leases: number;
  readonly alarms: number;
  readonly authEnabled: boolean;
  readonly users: readonly string[];
  readonly roles: readonly string[];
}

export function figuresOf(snapshot: Snapshot): Figures {
  const { revision, live, leases, alarms, auth } = snapshot;
  return {
    revision,
    keys: live.count,
    hashKv: snapshot.hashKv(),
    leases: leases.size,
    alarms: alarms.length,
    authEnabled: auth.enabled,
    users: auth.users.toSorted(),
    roles: auth.roles.toSorted(),
  };
}

/**
 * Undefined when etcd of this minor restores the file, serves what `figures` say, and takes a write; else what went
 * wrong. With authentication on it can only be asked whether it is.
 */
export async function askRealEtcd(
  file: string,
  version: string,
  scratch: string,
  figures: Figures | undefined,
): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    const wrong = await askOnce(file, version, scratch, figures);
    if (wrong === undefined || attempt === ATTEMPTS) return wrong;
  }
}

async function askOnce(
  file: string,
  version: string,
  scratch: string,
  figures: Figures | undefined,
): Promise<string | undefined> {
  const programs = await programsOf(version);
  const [client = 0, peer = 0] = await freePorts(2);
  const directory = await mkdtemp(join(scratch, "real-"));
  const data = join(directory, "data");
  const peerUrl = `http://127.0.0.1:${peer}`;
  const url = `http://127.0.0.1:${client}`;
  const member = ["--name=test", `--initial-advertise-peer-urls=${peerUrl}`];
  const cluster = [...member, `--initial-cluster=test=${peerUrl}`];
  try {
    try {
      const restore = ["snapshot", "restore", file, `--data-dir=${data}`, ...cluster];
      await execFile(programs.etcdutl, restore, { timeout: START_LIMIT_MS });
    } catch (error) {
      return `etcdutl: ${said(error instanceof Error ? error.message : String(error))}`;
    }
    const server = spawn(
      programs.etcd,
      [
        ...[...cluster, ...QUICK, `--data-dir=${data}`, "--log-level=error"],
        ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
        `--listen-peer-urls=${peerUrl}`,
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let log = "";
    server.stderr.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-8000);
    });
    const killed = () => server.kill("SIGKILL");
    process.once("exit", killed);
    try {
      return await askServer(server, url, figures, () => log);
    } finally {
      process.off("exit", killed);
      if (server.exitCode === null && server.signalCode === null) {
        const exited = once(server, "exit");
        server.kill("SIGKILL");
        await exited;
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function askServer(
  server: ChildProcess,
  url: string,
  figures: Figures | undefined,
  log: () => string,
): Promise<string | undefined> {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (server.exitCode !== null) return `etcd ended with ${server.exitCode}: ${said(log())}`;
    const health = `${url}/health?exclude=NOSPACE&exclude=CORRUPT`;
    const answer = await fetch(health, { signal: AbortSignal.timeout(5000) }).catch(
      () => undefined,
    );
    if (answer?.ok === true) break;
    if (Date.now() > end) return `etcd is not healthy: ${said(log())}`;
    await delay(30);
  }
  if (figures === undefined) return undefined;
  try {
    return await compare(url, figures);
  } catch (error) {
    return `etcd does not answer: ${error instanceof Error ? error.message : String(error)}; ${said(log())}`;
  }
}

async function compare(url: string, figures: Figures): Promise<string | undefined> {
  const ask = async (path: string, body: object = {}) => {
    const init = {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    };
    const answer = await fetch(`${url}/v3/${path}`, init);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text.slice(0, 200)}`);
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  };
  const everything = { key: "AA==", range_end: "AA==" };
  const revision = String(figures.revision);
  const authEnabled = (await ask("auth/status")).enabled === true;
  if (authEnabled || figures.authEnabled) {
    return authEnabled === figures.authEnabled
      ? undefined
      : `authentication is ${authEnabled ? "on" : "off"}`;
  }
  const range = await ask("kv/range", { ...everything, count_only: true, revision });
  const hash = await ask("maintenance/hashkv", { revision });
  const list = async (path: string, field: string) => {
    const found = (await ask(path))[field];
    return Array.isArray(found) ? (found as readonly unknown[]) : [];
  };
  const names = (found: readonly unknown[]) => found.map(String).toSorted().join();
  const alarms = await list("maintenance/alarm", "alarms");
  const found = {
    keys: Number(range.count ?? 0),
    hashKv: Number(hash.hash ?? 0),
    leases: (await list("lease/leases", "leases")).length,
    alarms: alarms.length,
    users: names(await list("auth/user/list", "users")),
    roles: names(await list("auth/role/list", "roles")),
  };
  const expected = { ...figures, users: names(figures.users), roles: names(figures.roles) };
  for (const [name, value] of Object.entries(found)) {
    const wanted = expected[name as keyof typeof found];
    if (value !== wanted) return `${name}: etcd has ${value}, the reader ${wanted}`;
  }
  if (alarms.length === 0) await ask("kv/put", { key: "/w==", value: "AA==" });
  return undefined;
}

/** What an etcd said of its end, on one line. */
function said(text: string): string {
  const panic = /(panic|fatal|"error"|Error)[^\n]*/.exec(text)?.[0] ?? text;
  return panic.replace(/\s+/g, " ").slice(0, 200);
}
