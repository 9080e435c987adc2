/** The HTTP interface of etcd's old v2 store (etcd v2.3, `Documentation/api.md`), as far as reading takes it. */
import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import * as nodeTls from "node:tls";
import { z } from "zod";
import { nanoseconds } from "../wire/go-time";
import { visible, shortened } from "../wire/visible";
import type { Endpoint } from "./endpoint";
import { connectionError, EtcdError } from "./etcd-error";

/** A key or folder that is served. */
export interface ServedNode {
  /** `/registry/pods` */
  readonly name: string;
  /** Absent: a folder. */
  readonly value: string | undefined;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
  /** When it runs out, in nanoseconds since 1970. */
  readonly expires?: bigint | undefined;
  /** Seconds until then, as the server reckons. */
  readonly ttl?: number | undefined;
}

/** A key or folder with all that is below it and not hidden; its own first, in the server's order. */
export interface ServedTree {
  readonly nodes: readonly ServedNode[];
  /** The store's count of changes, `X-Etcd-Index`. */
  readonly index: number;
  /** The server's clock, in milliseconds since 1970, to the second. */
  readonly at: number;
}

/** To be closed. Its calls throw EtcdError. */
export interface V2Client {
  /**
   * Undefined where there is no such key.
   * @param depth `all` that is below it, or of a folder what lies in it alone. Default: all
   */
  read(name: string, depth?: "all" | "one"): Promise<ServedTree | undefined>;
  /** Of the server, `3.4.23`. */
  version(): Promise<string>;
  close(): void;
}

/** Reading a whole store. */
const LIMIT_MS = 60_000;

interface WireNode {
  readonly key?: string | undefined;
  readonly value?: string | undefined;
  readonly dir?: boolean | undefined;
  readonly expiration?: string | undefined;
  readonly ttl?: number | undefined;
  readonly createdIndex?: number | undefined;
  readonly modifiedIndex?: number | undefined;
  readonly nodes?: readonly WireNode[] | undefined;
}
const wireNode: z.ZodType<WireNode> = z.object({
  ...{ key: z.string().optional(), value: z.string().optional(), dir: z.boolean().optional() },
  ...{ expiration: z.string().optional(), ttl: z.number().optional() },
  ...{ createdIndex: z.number().optional(), modifiedIndex: z.number().optional() },
  get nodes() {
    return z.array(wireNode).optional();
  },
});
const answer = z.object({ node: wireNode });
const versions = z.object({ etcdserver: z.string() });
/** `EcodeKeyNotFound` (`server/etcdserver/api/v2error/error.go`). */
const KEY_NOT_FOUND = 100;
const refusal = z.object({ errorCode: z.number().optional(), message: z.string() });

/** Path and question of a key or folder, by default with all that is below it. */
export function v2PathOf(name: string, depth: "all" | "one" = "all"): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return `/v2/keys${path}?recursive=${depth === "all"}&sorted=true&quorum=true`;
}

/** A client of one etcd's v2 store. */
export function openV2(endpoint: Endpoint, signal?: AbortSignal): V2Client {
  const ask = asker(endpoint, signal);
  return {
    async read(name, depth) {
      const { status, text, headers } = await ask.get(v2PathOf(name, depth));
      const body = parsed(text);
      if (status === 200) {
        const nodes = flattened(answer.parse(body).node);
        const index = Number(headers["x-etcd-index"]);
        return { nodes, index, at: Date.parse(headers.date ?? "") };
      }
      const refused = refusal.safeParse(body).data;
      if (refused?.errorCode === KEY_NOT_FOUND) return undefined;
      throw refusedError(endpoint.url, status, refused?.message);
    },
    async version() {
      const { text } = await ask.get("/version");
      return versions.safeParse(parsed(text)).data?.etcdserver ?? "";
    },
    close: ask.close,
  };
}

function refusedError(url: string, status: number, message: string | undefined): EtcdError {
  if (status === 404 && message === undefined) {
    return new EtcdError(
      "failed",
      `etcd at ${url} serves no v2 store: it must be of 3.5 or older, and be started with --enable-v2=true`,
    );
  }
  if (status === 401) {
    return new EtcdError(
      "denied",
      `etcd at ${url}: authentication of its v2 store is on, and what was given is not enough`,
    );
  }
  const said = shortened(visible(message ?? "no message"), 300);
  return new EtcdError("failed", `etcd at ${url} answered with ${status}: ${said}`);
}

function flattened(root: WireNode): readonly ServedNode[] {
  const nodes: ServedNode[] = [];
  function visit(node: WireNode): void {
    const { key = "/", value, dir, expiration, ttl, createdIndex = 0, modifiedIndex = 0 } = node;
    const expires = expiration === undefined ? undefined : nanoseconds(expiration);
    nodes.push({
      ...{ name: key, createdIndex, modifiedIndex, expires, ttl },
      value: dir === true ? undefined : (value ?? ""),
    });
    for (const below of node.nodes ?? []) visit(below);
  }
  visit(root);
  return nodes;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Answered {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

function asker(endpoint: Endpoint, signal: AbortSignal | undefined) {
  const { url, socketPath, localPort, tls, username, password } = endpoint;
  const { protocol, hostname, port, host } = new URL(url);
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  const isTls = protocol === "https:";
  const agent = new (isTls ? https : http).Agent({ keepAlive: true, maxSockets: 1 });
  const where =
    socketPath !== undefined
      ? { socketPath }
      : localPort !== undefined
        ? { host: "127.0.0.1", port: localPort }
        : { host: name, port };
  const options: https.RequestOptions = {
    ...{ agent, ...where, signal, timeout: LIMIT_MS },
    headers: { host },
    ...(username !== undefined && { auth: `${username}:${password ?? ""}` }),
    ...(isTls && {
      ...{ ca: tls?.ca, cert: tls?.certificate, key: tls?.key },
      // None for an address: its certificate is compared with that all the same.
      servername: net.isIP(name) === 0 ? name : "",
      checkServerIdentity: (_: string, shown: nodeTls.PeerCertificate) =>
        nodeTls.checkServerIdentity(name, shown),
    }),
  };
  return {
    get: (path: string) => get(endpoint, { ...options, path }, isTls),
    close: () => {
      agent.destroy();
    },
  };
}

function get(endpoint: Endpoint, options: https.RequestOptions, isTls: boolean): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      reject(options.signal?.aborted === true ? error : connectionError(endpoint, error, false));
    };
    const request = (isTls ? https : http).request(options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", fail);
      response.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    request.on("timeout", () => {
      const limit = `no answer in ${LIMIT_MS / 1000} s`;
      request.destroy(new EtcdError("deadline", `etcd at ${endpoint.url}: ${limit}`));
    });
    request.on("error", fail);
    request.end();
  });
}
