/**
 * Keystone's log-in and Swift's container listing, objects and manifests, as their API references say (object-store v1:
 * "Show container details and list objects", "Large objects"), over real HTTP on loopback. It is no Swift: what a real
 * one does besides is not tried with it.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An object, or a manifest of segments that lie in another container. */
export interface SwiftObject {
  readonly bytes: Buffer;
  readonly kind: "plain" | "dlo" | "slo";
}

export interface SwiftServer {
  readonly environment: Readonly<Record<string, string>>;
  readonly objects: Map<string, SwiftObject>;
  /** Requests with a method that writes. */
  readonly writes: string[];
  /** From now on the tokens that were given are refused. */
  expireTokens(): void;
  close(): Promise<void>;
}

const CONTAINER = "backups";
/** A real one gives 10,000 at most; as many as are asked for, up to this. */
const PAGE = 10_000;

export async function startSwift(): Promise<SwiftServer> {
  const objects = new Map<string, SwiftObject>();
  const writes: string[] = [];
  let token = 1;
  let base = "";
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", base);
    if (url.pathname === "/identity/v3/auth/tokens") {
      logIn(request, response, () => `token-${token}`, base);
      return;
    }
    if (!["GET", "HEAD"].includes(request.method ?? "")) writes.push(request.method ?? "");
    if (request.headers["x-auth-token"] !== `token-${token}`) {
      response.writeHead(401).end();
      return;
    }
    const [, , , container, ...parts] = url.pathname.split("/").map(decodeURIComponent);
    if (container !== CONTAINER) response.writeHead(404).end("no such container");
    else if (parts.length === 0) list(objects, url.searchParams, response);
    else give(objects.get(parts.join("/")), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    objects,
    writes,
    environment: {
      OS_AUTH_URL: `${base}/identity`,
      OS_USERNAME: "ops",
      OS_PASSWORD: "not-a-secret-of-anybody",
      OS_PROJECT_NAME: "lab",
    },
    expireTokens() {
      token += 1;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

function logIn(
  request: IncomingMessage,
  response: ServerResponse,
  token: () => string,
  base: string,
): void {
  request.resume().on("end", () => {
    const url = `${base}/v1/AUTH_lab`;
    const endpoints = [{ interface: "public", region: "one", region_id: "one", url }];
    const catalog = [{ type: "object-store", endpoints }];
    const body = { token: { project: { id: "lab", name: "lab" }, roles: [], catalog } };
    response.writeHead(201, { "x-subject-token": token() }).end(JSON.stringify(body));
  });
}

function list(
  objects: ReadonlyMap<string, SwiftObject>,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const [prefix, marker] = [query.get("prefix") ?? "", query.get("marker") ?? ""];
  const limit = Math.min(PAGE, Number(query.get("limit") ?? PAGE));
  const names = [...objects.keys()].filter((name) => name.startsWith(prefix) && name > marker);
  const entries = names
    .sort()
    .slice(0, limit)
    .map((name) => {
      const { bytes, kind } = objects.get(name) ?? { bytes: Buffer.alloc(0), kind: "plain" };
      return {
        name,
        // A manifest is listed with its own length: none of a DLO, that of its JSON of an SLO.
        bytes: kind === "plain" ? bytes.length : kind === "dlo" ? 0 : 412,
        hash: createHash("md5")
          .update(kind === "plain" ? bytes : "")
          .digest("hex"),
        last_modified: "2026-11-22T03:00:00.123450",
        content_type: "application/octet-stream",
        ...(kind === "slo" && { slo_etag: `"${etagOf(bytes)}"` }),
      };
    });
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(entries));
}

function etagOf(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

function give(
  object: SwiftObject | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (object === undefined) {
    response.writeHead(404).end();
    return;
  }
  const { bytes, kind } = object;
  const etag = kind === "plain" ? etagOf(bytes) : `"${etagOf(bytes)}"`;
  const [, from, to = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const isHead = request.method === "HEAD";
  if (from === undefined) {
    response.writeHead(200, { etag, "content-length": bytes.length });
    response.end(isHead ? undefined : bytes);
    return;
  }
  const first = Number(from);
  if (first >= bytes.length) {
    response.writeHead(416).end();
    return;
  }
  const last = to === "" ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
  const part = bytes.subarray(first, last + 1);
  response.writeHead(206, {
    ...{ etag, "content-length": part.length },
    "content-range": `bytes ${first}-${last}/${bytes.length}`,
  });
  response.end(part);
}
