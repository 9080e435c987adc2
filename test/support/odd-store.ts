/** An S3 store of one bucket in memory, for what no good store does: conditions ignored or unknown, answers that do not come. */
import * as http from "node:http";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { S3Environment } from "./versitygw";

export interface OddStore {
  readonly environment: S3Environment;
  readonly objects: Map<string, string>;
  /** Conditions that it does not look at. */
  ignores: ReadonlySet<"if-match" | "if-none-match">;
  /** It knows no conditional writes, and says so. */
  refusesConditions: boolean;
  /** So many of the next writes are answered with 503, kept though they were. */
  loseAnswers: number;
  stop(): Promise<void>;
}

export async function startOddStore(): Promise<OddStore> {
  const server = http.createServer((request, response) => {
    void answer(request, response, store);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const store: OddStore = {
    ...{ objects: new Map(), ignores: new Set(), refusesConditions: false, loseAnswers: 0 },
    environment: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "not-a-secret-of-anybody",
      AWS_REGION: "us-east-1",
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return store;
}

const etagOf = (text: string): string => `"${createHash("md5").update(text).digest("hex")}"`;

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  store: OddStore,
): Promise<void> {
  const end = (status: number, code: string): void => {
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
  };
  const key = new URL(request.url ?? "", "http://store").pathname;
  const there = store.objects.get(key);
  if (request.method === "GET") {
    if (there === undefined) end(404, "NoSuchKey");
    else response.writeHead(200, { etag: etagOf(there) }).end(there);
    return;
  }
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { "if-match": match, "if-none-match": none } = request.headers;
  if (store.refusesConditions) {
    end(501, "NotImplemented");
    return;
  }
  const isOther = match !== undefined && (there === undefined || match !== etagOf(there));
  const isThere = none !== undefined && there !== undefined;
  const isRefused =
    (isOther && !store.ignores.has("if-match")) || (isThere && !store.ignores.has("if-none-match"));
  const text = Buffer.concat(parts).toString("utf8");
  if (!isRefused) store.objects.set(key, text);
  if (store.loseAnswers > 0) {
    store.loseAnswers -= 1;
    end(503, "ServiceUnavailable");
  } else if (isRefused) end(412, "PreconditionFailed");
  else response.writeHead(200, { etag: etagOf(text) }).end();
}
