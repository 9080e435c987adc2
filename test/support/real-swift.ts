/**
 * A real Swift for tests: Debian's packages with one device and one replica, log-in by its own tempauth, in a folder and in
 * namespaces of its own, since Swift reads /etc/swift alone. Keystone, which our client asks, is played: it hands on the
 * password, and gives the token and the address that tempauth has given.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "./ports";

const SERVERS = ["account", "container", "object"] as const;
const USER = "reader";
const PASSWORD = "not-a-secret-of-anybody";

export interface RealSwift {
  /** Where Swift itself listens. */
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Asks Swift as its owner; the path stands below the account. */
  ask(
    method: string,
    path: string,
    body?: Buffer | string,
    headers?: Record<string, string>,
  ): Promise<Response>;
  /** From now on a client is sent to this port, where somebody stands before Swift. */
  through(port: number): void;
  /** From now on the tokens that were given are refused. */
  forgetTokens(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether root runs this, and Swift's programs are here. */
export function canHaveSwift(): boolean {
  const programs = [...SERVERS.map((name) => `swift-${name}-server`), "swift-proxy-server"];
  return (
    process.getuid?.() === 0 &&
    spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status === 0 &&
    [...programs, "swift-ring-builder", "memcached"].every(
      (program) => spawnSync("which", [program]).status === 0,
    )
  );
}

export async function startRealSwift(): Promise<RealSwift> {
  const folder = fs.mkdtempSync(path.join(tmpdir(), "etcd-restore-swift-"));
  const [port = 0, cache = 0, ...ports] = await freePorts(2 + SERVERS.length);
  configure(folder, { port, cache, ports });
  // /etc/swift is another one for them alone; they end with the script, which ends when this process does.
  const child = spawn(
    "unshare",
    [
      ...["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=SIGKILL"],
      ...["bash", path.join(folder, "run")],
    ],
    { stdio: ["pipe", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  let shownPort = port;
  const keystone = createServer((request, response) => {
    void logIn(request, response, port, () => shownPort);
  }).listen(0, "127.0.0.1");
  await once(keystone, "listening");
  const ask: RealSwift["ask"] = async (method, at, body, headers = {}) => {
    const found = await tempauth(port, `test:${USER}`, PASSWORD);
    return await fetch(`${found?.url ?? `http://127.0.0.1:${port}/nowhere`}${at}`, {
      ...{ method, headers: { "x-auth-token": found?.token ?? "", ...headers } },
      ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
    });
  };
  for (let tries = 0; !(await works(ask)); tries++) {
    if (child.exitCode !== null || tries > 1200) throw new Error(`Swift did not start: ${said}`);
    await delay(200);
  }
  const { port: keystonePort } = keystone.address() as AddressInfo;
  return {
    port,
    environment: {
      OS_AUTH_URL: `http://127.0.0.1:${keystonePort}/identity/v3`,
      ...{ OS_USERNAME: USER, OS_PASSWORD: PASSWORD, OS_PROJECT_NAME: "test" },
      ...{ OS_USER_DOMAIN_ID: "default", OS_PROJECT_DOMAIN_ID: "default" },
    },
    ask,
    through(other) {
      shownPort = other;
    },
    async forgetTokens() {
      const socket = connect(cache, "127.0.0.1");
      socket.end("flush_all\r\nquit\r\n");
      socket.resume();
      await once(socket, "close");
    },
    async stop() {
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
      keystone.closeAllConnections();
      keystone.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Ports {
  readonly port: number;
  readonly cache: number;
  /** Of the servers, in their order. */
  readonly ports: readonly number[];
}

/** Writes what Swift reads, and the script that starts it. */
function configure(folder: string, { port, cache, ports }: Ports): void {
  const etc = path.join(folder, "etc");
  fs.mkdirSync(etc);
  fs.mkdirSync(path.join(folder, "devices", "one"), { recursive: true });
  const write = (name: string, lines: readonly string[]): void => {
    fs.writeFileSync(path.join(folder, name), `${lines.join("\n")}\n`);
  };
  write("etc/swift.conf", ["[swift-hash]", "swift_hash_path_suffix = test"]);
  const common = (at: number) => [
    ...["[DEFAULT]", "bind_ip = 127.0.0.1", `bind_port = ${at}`, "workers = 0", "user = root"],
    ...[`devices = ${folder}/devices`, "mount_check = false"],
    ...["disable_fallocate = true", "fallocate_reserve = 0"],
  ];
  for (const [i, name] of SERVERS.entries()) {
    const app = [`[app:${name}-server]`, `use = egg:swift#${name}`];
    const pipeline = ["[pipeline:main]", `pipeline = ${name}-server`];
    write(`etc/${name}.conf`, [...common(ports[i] ?? 0), ...pipeline, ...app]);
    const ring = (...words: readonly string[]): void => {
      const { status, stderr } = spawnSync("swift-ring-builder", [
        `${etc}/${name}.builder`,
        ...words,
      ]);
      if (status !== 0) throw new Error(`swift-ring-builder ${words.join(" ")}: ${String(stderr)}`);
    };
    ring("create", "4", "1", "0");
    ring("add", `r1z1-127.0.0.1:${ports[i]}/one`, "1");
    ring("rebalance");
  }
  write("etc/proxy.conf", [
    ...common(port),
    ...["[pipeline:main]", "pipeline = catch_errors cache tempauth slo dlo proxy-server"],
    ...["[app:proxy-server]", "use = egg:swift#proxy", "account_autocreate = true"],
    // It gives up a server for a minute that did not answer ten times, as while it starts.
    "error_suppression_limit = 1000000",
    ...["[filter:catch_errors]", "use = egg:swift#catch_errors"],
    ...["[filter:cache]", "use = egg:swift#memcache", `memcache_servers = 127.0.0.1:${cache}`],
    ...["[filter:tempauth]", "use = egg:swift#tempauth", `user_test_${USER} = ${PASSWORD} .admin`],
    ...["[filter:slo]", "use = egg:swift#slo", "min_segment_size = 1"],
    ...["[filter:dlo]", "use = egg:swift#dlo"],
  ]);
  write("run", [
    `mount --bind ${etc} /etc/swift`,
    `memcached -u root -l 127.0.0.1 -p ${cache} -m 16 &`,
    ...[...SERVERS, "proxy"].map((name) => `swift-${name}-server /etc/swift/${name}.conf &`),
    "cat",
  ]);
}

/** Whether each of the servers does what it is there for. */
async function works(ask: RealSwift["ask"]): Promise<boolean> {
  try {
    for (const at of ["/ready", "/ready/object"]) {
      if (!(await ask("PUT", at, "")).ok) return false;
    }
    return true;
  } catch {
    return false;
  }
}

interface LoggedIn {
  readonly token: string;
  /** Of the account. */
  readonly url: string;
}

/** Swift's own log-in (v1); undefined when it refuses, or is not there yet. */
async function tempauth(port: number, user: string, key: string): Promise<LoggedIn | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/auth/v1.0`, {
      headers: { "x-auth-user": user, "x-auth-key": key },
    });
    await answer.text();
    const [token, url] = ["x-auth-token", "x-storage-url"].map((name) => answer.headers.get(name));
    return answer.ok && token && url ? { token, url } : undefined;
  } catch {
    return undefined;
  }
}

async function logIn(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  shownPort: () => number,
): Promise<void> {
  let text = "";
  for await (const part of request) text += (part as Buffer).toString();
  const { auth } = JSON.parse(text) as {
    auth: { identity: { password: { user: { name: string; password: string } } } };
  };
  const { name, password } = auth.identity.password.user;
  const found = await tempauth(port, `test:${name}`, password);
  if (found === undefined) {
    response.writeHead(401).end(JSON.stringify({ error: { code: 401, message: "unauthorized" } }));
    return;
  }
  const url = found.url.replace(`:${port}/`, `:${shownPort()}/`);
  const endpoints = [{ interface: "public", region: "one", region_id: "one", url }];
  const token = {
    ...{ project: { id: "test", name: "test" }, roles: [] },
    catalog: [{ type: "object-store", endpoints }],
  };
  response.writeHead(201, { "x-subject-token": found.token }).end(JSON.stringify({ token }));
}
