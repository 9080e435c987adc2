/** A kube-apiserver on a clone: its flags, its own certificates and keys, and whether it got ready. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makePki } from "../machine/pki/pki";
import type { ApiServerProgram } from "../machine/programs/api-server";
import { openApi, ApiError, type ApiClient } from "./api-client";
import type { Clone } from "./clone";
import type { Enclosure } from "./enclosure";
import { kmsFlags } from "./kms";
import type { ServerRanges } from "./ranges";

export interface ApiServerRequest {
  readonly program: ApiServerProgram;
  readonly main: Clone;
  /** The etcd of the events, where they have one of their own; it takes the same certificates. */
  readonly events?: Clone | undefined;
  /** Root of the keys: `/registry`. */
  readonly root: string;
  readonly ranges: ServerRanges;
  /** Content of an EncryptionConfiguration: secret. */
  readonly encryptionConfig?: string | undefined;
}

/** A kube-apiserver that answers, or that never did. */
export interface ApiServer {
  readonly client: ApiClient;
  /** Whether /readyz said ok within the limit. */
  readonly ready: boolean;
  /** Seconds until it did, or until nobody waited any more. */
  readonly seconds: number;
  /** What was not ready, by the names of /readyz; how it ended, where it has. */
  readonly missing: readonly string[];
  stop(): Promise<void>;
}

const NAME = "kube-apiserver";
/** Of a large store the caches take a while to fill. */
const READY_LIMIT_MS = 120_000;
const READY_LIMIT_PER_KEY_MS = 1;
/** How long a list may be refused while caches fill. */
const PATIENCE_MS = 60_000;

/** Starts a kube-apiserver in an enclosure and waits until it is ready. Rejects only when it cannot be started at all. */
export async function startApiServer(
  enclosure: Enclosure,
  request: ApiServerRequest,
  keys: number,
  signal: AbortSignal,
): Promise<ApiServer> {
  const folder = await enclosure.makeFolder(NAME);
  const { token, ca } = await writeFiles(enclosure, folder, request);
  const port = await enclosure.freePort();
  await enclosure.start(NAME, [request.program.file, ...flags(folder, port, request)]);
  const socketPath = await enclosure.relay(port);
  const client = openApi({ socketPath, ca, token }, PATIENCE_MS, signal);
  const began = Date.now();
  const limit = READY_LIMIT_MS + keys * READY_LIMIT_PER_KEY_MS;
  let missing: readonly string[] = [];
  let ready = false;
  while (!ready && Date.now() - began < limit) {
    missing = await notReady(client);
    ready = missing.length === 0;
    const ended = enclosure.ended(NAME);
    if (ended !== undefined) {
      missing = [`it ended with ${ended}: ${await lastWords(enclosure)}`];
      break;
    }
    if (!ready) await delay(100, undefined, { signal });
  }
  const seconds = (Date.now() - began) / 1000;
  return {
    ...{ client, ready, seconds, missing },
    async stop() {
      client.close();
      await enclosure.stop(NAME);
    },
  };
}

/** What /readyz says is missing; nothing when it is ready. */
async function notReady(client: ApiClient): Promise<readonly string[]> {
  try {
    const { status, body } = await client.once("/readyz?verbose", "text/plain");
    if (status === 200) return [];
    const lines = body.split("\n").filter((line) => line.startsWith("[-]"));
    const names = lines.map((line) => line.slice(3).split(" ")[0] ?? "");
    return names.length > 0 ? names : [`/readyz answers ${status}`];
  } catch (error) {
    if (error instanceof ApiError) return ["it does not answer"];
    throw error;
  }
}

/**
 * Why it gave up: the message of its last fatal or error line, or of the command as a whole. Its log may quote objects, so
 * no more of it is told, and nothing in that which may be a key.
 */
async function lastWords(enclosure: Enclosure): Promise<string> {
  const lines = await enclosure.lastLines(NAME, 200);
  const told = lines.findLast((line) =>
    /^(F\d{4}|Error:|panic:)|^E\d{4} .*"command failed"/.test(line),
  );
  return (told ?? "no reason told").replace(/[A-Za-z0-9+/]{20,}={0,2}/g, "…").slice(0, 300);
}

async function writeFiles(
  enclosure: Enclosure,
  folder: string,
  request: ApiServerRequest,
): Promise<{ readonly token: string; readonly ca: string }> {
  const write = (name: string, text: string) => enclosure.write(path.join(folder, name), text);
  const pki = await makePki({ addresses: [], dnsNames: [] });
  const accounts = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "sec1", format: "pem" },
  });
  const token = randomBytes(24).toString("hex");
  await write("server.pem", pki.server);
  await write("server-key.pem", pki.serverKey);
  await write("service-account.key", accounts.privateKey);
  await write("service-account.pub", accounts.publicKey);
  await write("tokens.csv", `${token},etcd-restore,etcd-restore,system:masters\n`);
  const { encryptionConfig } = request;
  if (encryptionConfig !== undefined) await write("encryption.yaml", encryptionConfig);
  return { token, ca: pki.ca };
}

/**
 * The flags of a kube-apiserver for a look at what it reads.
 *
 * It compacts nothing, so that the backup's revision can be read to the end; calls no webhook, for none is there to be
 * reached; and notes no address of itself.
 */
function flags(folder: string, port: number, request: ApiServerRequest): readonly string[] {
  const { program, main, events, root, ranges, encryptionConfig } = request;
  const at = (name: string) => path.join(folder, name);
  return [
    ...[
      `--etcd-servers=${main.url}`,
      `--etcd-cafile=${main.tls.file("ca")}`,
      `--etcd-prefix=${root}`,
    ],
    ...[`--etcd-certfile=${main.tls.file("root")}`, `--etcd-keyfile=${main.tls.file("rootKey")}`],
    ...(events === undefined ? [] : [`--etcd-servers-overrides=/events#${events.url}`]),
    ...["--etcd-compaction-interval=0", "--bind-address=127.0.0.1", `--secure-port=${port}`],
    ...[`--tls-cert-file=${at("server.pem")}`, `--tls-private-key-file=${at("server-key.pem")}`],
    // TEST-NET-1 (RFC 5737): it wants an address of its own that is no loopback.
    ...["--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"],
    ...["--service-account-issuer=https://kubernetes.default.svc"],
    ...[`--service-account-key-file=${at("service-account.pub")}`],
    ...[`--service-account-signing-key-file=${at("service-account.key")}`],
    ...[`--service-cluster-ip-range=${ranges.clusterIps}`],
    ...[`--service-node-port-range=${ranges.nodePorts}`],
    ...["--authorization-mode=Node,RBAC", `--token-auth-file=${at("tokens.csv")}`],
    ...["--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook"],
    ...["--allow-privileged=true", "--profiling=false", "--runtime-config=api/all=true"],
    ...(encryptionConfig === undefined
      ? []
      : [`--encryption-provider-config=${at("encryption.yaml")}`]),
    ...kmsFlags(encryptionConfig, program.version),
  ];
}
