/** A real kube-apiserver on a test's etcd, for stores that only it writes: one administrator, every kind of object, no controller. */
import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import * as https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makePki } from "../../machine/pki/pki";
import { ensureApiServer } from "../../machine/programs/api-server";
import { freePorts } from "./ports";

/** An object as the API takes it. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** An object, or with no name all of its kind. */
export interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string };
}

export interface KubernetesServer {
  /** `1.35.4` */
  readonly version: string;
  /** Asks, and parses the answer. Throws for any status of 300 or more, with what the server said. */
  readonly ask: (
    method: string,
    path: string,
    body?: object,
    contentType?: string,
  ) => Promise<unknown>;
  /** Creates an object at the path of its kind. */
  readonly create: (object: ApiObject) => Promise<void>;
  /** The path of one object, `/api/v1/namespaces/shop/pods/web`; of the list where it has no name. */
  readonly pathOf: (object: Named) => Promise<string>;
  /** Ends the process. SIGKILL leaves its lease in the store. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface KubernetesServerOptions {
  /** Minor version, or an exact one. */
  readonly version: string;
  /** Address of an etcd without TLS. */
  readonly etcd: string;
  /** Of the events' own etcd. */
  readonly events?: string;
  /** Content of an EncryptionConfiguration. */
  readonly encryptionConfig?: string;
  /** More flags. */
  readonly flags?: readonly string[];
}

const READY_LIMIT_MS = 300_000;

/** Starts kube-apiserver and waits until it is ready, five minutes at most. */
export async function startKubernetesServer(
  options: KubernetesServerOptions,
): Promise<KubernetesServer> {
  const { version, file } = await ensureApiServer(options.version);
  const folder = await mkdtemp(join(tmpdir(), "etcd-restore-test-"));
  const [port = 0] = await freePorts(1);
  const { ca, token } = await writeFiles(folder, options.encryptionConfig);
  const log = join(folder, "log");
  const words = await open(log, "w");
  const child = spawn(file, flags(folder, port, options), {
    stdio: ["ignore", "ignore", words.fd],
  });
  await words.close();
  const killed = () => child.kill("SIGKILL");
  process.once("exit", killed);
  const agent = new https.Agent({ keepAlive: true, maxSockets: 16, ca });
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    await end(child, signal);
    process.off("exit", killed);
    agent.destroy();
    await rm(folder, { recursive: true, force: true });
  };
  const ask = asker(agent, port, token);
  try {
    await untilReady(child, ask, log);
  } catch (error) {
    await stop("SIGKILL");
    throw error;
  }
  const pathOf = pathFinder(ask);
  return {
    ...{ version, ask, pathOf, stop },
    async create(object) {
      const { namespace } = object.metadata;
      const within = namespace === undefined ? {} : { namespace };
      await ask("POST", await pathOf({ ...object, metadata: within }), object);
    },
  };
}

async function writeFiles(folder: string, encryptionConfig: string | undefined) {
  const write = (name: string, text: string) =>
    writeFile(join(folder, name), text, { mode: 0o600 });
  const pki = await makePki({ addresses: [], dnsNames: [] });
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const token = randomBytes(24).toString("hex");
  await write("server.pem", pki.server);
  await write("server-key.pem", pki.serverKey);
  await write("account.key", String(keys.privateKey.export({ type: "sec1", format: "pem" })));
  await write("account.pub", String(keys.publicKey.export({ type: "spki", format: "pem" })));
  await write("tokens.csv", `${token},admin,admin,system:masters\n`);
  if (encryptionConfig !== undefined) await write("encryption.yaml", encryptionConfig);
  return { ca: pki.ca, token };
}

function flags(folder: string, port: number, options: KubernetesServerOptions): readonly string[] {
  const { etcd, events, encryptionConfig, flags: more = [] } = options;
  const at = (name: string) => join(folder, name);
  return [
    ...[`--etcd-servers=${etcd}`, "--bind-address=127.0.0.1", `--secure-port=${port}`],
    ...(events === undefined ? [] : [`--etcd-servers-overrides=/events#${events}`]),
    ...[`--tls-cert-file=${at("server.pem")}`, `--tls-private-key-file=${at("server-key.pem")}`],
    // TEST-NET-1 (RFC 5737): it wants an address of its own that is no loopback.
    ...["--advertise-address=192.0.2.10", `--token-auth-file=${at("tokens.csv")}`],
    ...["--service-account-issuer=https://kubernetes.default.svc"],
    ...[`--service-account-key-file=${at("account.pub")}`],
    ...[`--service-account-signing-key-file=${at("account.key")}`],
    ...["--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC"],
    // Without controllers no namespace has a service account, and every pod would be refused.
    ...["--disable-admission-plugins=ServiceAccount", "--allow-privileged=true"],
    ...(encryptionConfig === undefined
      ? []
      : [`--encryption-provider-config=${at("encryption.yaml")}`]),
    ...more,
  ];
}

async function untilReady(
  child: ChildProcess,
  ask: KubernetesServer["ask"],
  log: string,
): Promise<void> {
  const until = Date.now() + READY_LIMIT_MS;
  for (;;) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    const answer = await ask("GET", "/readyz").catch((error: unknown) => String(error));
    if (answer === "ok") return;
    if (ended || Date.now() > until) {
      const said = (await readFile(log, "utf8")).trim().split("\n").slice(-12).join("\n");
      throw new Error(
        `kube-apiserver ${ended ? "ended" : "is not ready"}: ${String(answer)}\n${said}`,
      );
    }
    await delay(200);
  }
}

function asker(agent: https.Agent, port: number, token: string): KubernetesServer["ask"] {
  return (method, path, body, contentType = "application/json") =>
    new Promise((resolve, reject) => {
      const content = body === undefined ? "" : JSON.stringify(body);
      const headers = {
        ...{ authorization: `Bearer ${token}`, "content-type": contentType },
        // Of a DELETE's content Node.js does not tell the length by itself.
        "content-length": Buffer.byteLength(content),
      };
      const options = { method, path, port, host: "127.0.0.1", agent, headers, timeout: 90_000 };
      const request = https.request(options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(parts).toString();
          const { statusCode = 0 } = response;
          if (statusCode >= 300) reject(new Error(`${method} ${path}: ${statusCode} ${text}`));
          else resolve(text.startsWith("{") ? JSON.parse(text) : text);
        });
      });
      request.on("timeout", () => request.destroy(new Error(`no answer to ${method} ${path}`)));
      request.on("error", reject);
      request.end(content);
    });
}

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

/** Resources of a group and version, as discovery has them. */
export async function resourcesOf(
  ask: KubernetesServer["ask"],
  apiVersion: string,
): Promise<ResourceList["resources"]> {
  const { resources } = (await ask("GET", basePath(apiVersion))) as ResourceList;
  return resources.filter(({ name }) => !name.includes("/"));
}

/** `/api/v1`, `/apis/apps/v1` */
export function basePath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function pathFinder(ask: KubernetesServer["ask"]): KubernetesServer["pathOf"] {
  const known = new Map<string, ResourceList["resources"]>();
  return async ({ apiVersion, kind, metadata: { namespace, name } }) => {
    let resources = known.get(apiVersion);
    if (resources?.some((each) => each.kind === kind) !== true) {
      resources = await resourcesOf(ask, apiVersion);
      known.set(apiVersion, resources);
    }
    const resource = resources.find((each) => each.kind === kind);
    if (resource === undefined) throw new Error(`no API serves ${kind} of ${apiVersion}`);
    const within = resource.namespaced ? `/namespaces/${namespace ?? "default"}` : "";
    const own = name === undefined ? "" : `/${encodeURIComponent(name)}`;
    return `${basePath(apiVersion)}${within}/${resource.name}${own}`;
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  await exited;
  clearTimeout(timer);
}
