/**
 * A second opinion. The whole proof stands on our own reader and our own client; here some keys are read once more by
 * etcd3, which shares nothing with them but Node, and are compared without the reader's comparer.
 */
import { createHash, randomBytes } from "node:crypto";
import * as net from "node:net";
import * as path from "node:path";
import * as tls from "node:tls";
import type { Etcd3, IKeyValue, IOptions } from "etcd3";
import type { Endpoint } from "../client/endpoint";
import type { Check } from "../report/report";
import type { LiveKeys } from "../snapshot/snapshot";
import { counted, duration, grouped } from "../wire/figures";
import { printableKey } from "../wire/keys";
import { shortened, visible } from "../wire/visible";

export interface SecondReading {
  readonly endpoint: Endpoint;
  readonly live: Pick<LiveKeys, "count" | "key" | "value" | "metadata">;
  /** At which everything is read. */
  readonly revision: number;
  /** Which keys are chosen where there are more than are read. Default: random; the report names it. */
  readonly seed?: string;
  readonly signal?: AbortSignal | undefined;
}

/** As many keys are read. */
const MOST_KEYS = 1000;
/** As many requests etcd takes in a transaction unless it is told otherwise (`--max-txn-ops`). */
const TRANSACTION_KEYS = 128;
const BATCH_BYTES = 2 ** 20;
const CALL_LIMIT_MS = 30_000;
/** Keys that a reason names. */
const NAMED = 5;

const CHECK = {
  id: "second-reader",
  title: "The same keys, read by etcd3",
  source: "file",
} as const;

/** The numbers of the keys that are read: all, or one out of each of as many stretches as keys may be read. */
export function chosenKeys(count: number, seed: string, most = MOST_KEYS): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: most }, (_, stretch) => {
    const random = createHash("sha256").update(`${seed} ${stretch}`).digest().readUInt32BE(0);
    const first = Math.floor((stretch * count) / most);
    const end = Math.floor(((stretch + 1) * count) / most);
    return first + Math.floor((random / 2 ** 32) * (end - first));
  });
}

/** Reads them and compares: value by its SHA-256, revisions, version, lease. */
export async function secondReaderCheck(reading: SecondReading): Promise<Check> {
  const { endpoint, live, revision, seed = randomBytes(4).toString("hex"), signal } = reading;
  const began = performance.now();
  const chosen = chosenKeys(live.count, seed);
  const expected =
    `${counted(chosen.length, "key")} as in the file` +
    (chosen.length < live.count ? ` (seed ${seed})` : "");
  let client: Etcd3 | undefined;
  try {
    client = connect(endpoint);
    const different = await compareAll(client, reading, chosen, revision);
    const found =
      `${grouped(chosen.length - different.length)} as in the file` +
      `, in ${duration((performance.now() - began) / 1000)}`;
    if (different.length === 0) return { ...CHECK, verdict: "pass", expected, found };
    const more = different.length > NAMED ? ` and ${grouped(different.length - NAMED)} more` : "";
    const reason = `etcd3 reads otherwise: ${different.slice(0, NAMED).join(", ")}${more}`;
    return { ...CHECK, verdict: "fail", expected, found, reason };
  } catch (error) {
    signal?.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    return {
      ...CHECK,
      verdict: "not-checked",
      expected,
      reason: `etcd3 could not read: ${shortened(visible(why), 200)}`,
    };
  } finally {
    client?.close();
  }
}

/** The keys that differ, with what of them does. */
async function compareAll(
  client: Etcd3,
  { live, signal }: SecondReading,
  chosen: readonly number[],
  revision: number,
): Promise<readonly string[]> {
  const different: string[] = [];
  for (const together of batches(live, chosen)) {
    signal?.throwIfAborted();
    const keys = together.map((i) => live.key(i));
    const { responses } = await client.kv.txn(
      { success: keys.map((key) => ({ request_range: { key, revision } })) },
      { deadline: Date.now() + CALL_LIMIT_MS },
    );
    for (const [n, key] of keys.entries()) {
      const served = responses[n]?.response_range.kvs ?? [];
      const fields = differingFields(live, together[n] ?? -1, key, served);
      if (fields !== "") different.push(`${printableKey(key)} (${fields})`);
    }
  }
  return different.sort();
}

/** Keys that are asked for in one read-only transaction: a call for each would cost more than all else. */
function* batches(
  live: SecondReading["live"],
  chosen: readonly number[],
): Generator<readonly number[]> {
  let batch: number[] = [];
  let bytes = 0;
  for (const i of chosen) {
    const { valueBytes } = live.metadata(i);
    if (
      batch.length === TRANSACTION_KEYS ||
      (batch.length > 0 && bytes + valueBytes > BATCH_BYTES)
    ) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(i);
    bytes += valueBytes;
  }
  if (batch.length > 0) yield batch;
}

function differingFields(
  live: SecondReading["live"],
  i: number,
  key: Buffer,
  kvs: readonly IKeyValue[],
): string {
  const [served] = kvs;
  if (served?.key.equals(key) !== true) return "missing";
  const { createRevision, modRevision, version, lease } = live.metadata(i);
  const same = {
    createRevision: served.create_revision === String(createRevision),
    modRevision: served.mod_revision === String(modRevision),
    version: served.version === String(version),
    lease: served.lease === String(lease),
    value: digest(served.value).equals(digest(live.value(i))),
  };
  return Object.entries(same)
    .filter(([, isSame]) => !isSame)
    .map(([field]) => field)
    .join(" ");
}

function digest(value: Uint8Array): Buffer {
  return createHash("sha256").update(value).digest();
}

function connect({ url, socketPath, localPort, tls: files, username, password }: Endpoint): Etcd3 {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a third of a second, at `full` alone
  const library = require("etcd3") as typeof import("etcd3");
  const { protocol, host, hostname } = new URL(url);
  // The near end of a tunnel; what is certified is the far end.
  const near =
    socketPath !== undefined
      ? `unix:${path.resolve(socketPath)}`
      : localPort !== undefined
        ? `127.0.0.1:${localPort}`
        : undefined;
  const target = hostname.replace(/^\[|\]$/g, "");
  const isSecure = protocol === "https:";
  const isAddress = isSecure && net.isIP(target) !== 0;
  const options: IOptions = {
    hosts: `${protocol}//${near ?? host}`,
    ...(files !== undefined && {
      credentials: {
        rootCertificate: Buffer.from(files.ca),
        ...(files.certificate !== undefined && { certChain: Buffer.from(files.certificate) }),
        ...(files.key !== undefined && { privateKey: Buffer.from(files.key) }),
      },
    }),
    ...(username !== undefined && password !== undefined && { auth: { username, password } }),
    grpcOptions: {
      "grpc.max_receive_message_length": -1,
      "grpc.enable_http_proxy": 0,
      ...(isAddress
        ? { "grpc.ssl_target_name_override": ANY_NAME }
        : near !== undefined && isSecure && { "grpc.ssl_target_name_override": target }),
    },
  };
  const open = () => new library.Etcd3(options);
  return isAddress ? certifiedFor(target, open) : open();
}

/** A server has one certificate, whatever it is called. */
const ANY_NAME = "etcd";

/**
 * Opens a client whose server's certificate must be for an address. grpc-js would tell the server the address as its name,
 * for which TLS has no place (RFC 6066, section 3) and which Node refuses from 26 on; the other name that it is told
 * instead would be asked for in the certificate. etcd3 has no option for that, so for the moment in which it makes its
 * credentials, they are made with one.
 */
function certifiedFor(address: string, open: () => Etcd3): Etcd3 {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- etcd3 has loaded it
  const { credentials } = require("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
  const { createSsl } = credentials;
  const checkServerIdentity = (_: string, certificate: tls.PeerCertificate) =>
    tls.checkServerIdentity(address, certificate);
  credentials.createSsl = (root, key, chain, verify) =>
    createSsl(root, key, chain, { ...verify, checkServerIdentity });
  try {
    return open();
  } finally {
    credentials.createSsl = createSsl;
  }
}
