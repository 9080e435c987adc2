/** One HTTP request with JSON in and out, over TLS with a CA of one's own where a cloud has one. */
import * as http from "node:http";
import * as https from "node:https";
import type { Readable } from "node:stream";

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, or as it is when it is a stream. */
  readonly body?: unknown;
  readonly stream?: Readable;
  /** PEM texts of the authorities that are trusted. @default those that Node trusts */
  readonly ca?: string;
  /** False: whoever answers is believed, as `verify: false` in clouds.yaml wants it. @default true */
  readonly verify?: boolean;
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte. @default 60,000 */
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** What it says, parsed; undefined when it is empty, a text when it is no JSON. */
  readonly body: unknown;
}

/** Sends one request and reads the whole answer, whatever its status. Rejects when nobody answers. */
export async function send(request: HttpRequest): Promise<HttpAnswer> {
  return readAnswer(await sendForStream(request));
}

/** The rest of an answer, parsed. Rejects when it breaks off. */
export async function readAnswer(answer: http.IncomingMessage): Promise<HttpAnswer> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    body: parsed(Buffer.concat(parts).toString("utf8")),
  };
}

/** Sends one request; its answer is read by who asked, or destroyed. Rejects when nobody answers. */
export function sendForStream(request: HttpRequest): Promise<http.IncomingMessage> {
  const { method, url, stream, signal, timeoutMs = 60_000 } = request;
  const text = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers = {
    accept: "application/json",
    ...(text === undefined
      ? {}
      : { "content-type": "application/json", "content-length": `${Buffer.byteLength(text)}` }),
    ...request.headers,
  };
  return new Promise((resolve, reject) => {
    const secure = url.startsWith("https:");
    const options = { method, headers, timeout: timeoutMs, ...(signal && { signal }) };
    const sent = secure
      ? https.request(url, {
          ...options,
          ...(request.ca !== undefined && { ca: request.ca }),
          rejectUnauthorized: request.verify ?? true,
        })
      : http.request(url, options);
    sent.on("response", resolve);
    sent.on("timeout", () => {
      sent.destroy(new Error(`no answer from ${new URL(url).host} in ${timeoutMs / 1000} s`));
    });
    sent.on("error", reject);
    if (stream === undefined) sent.end(text);
    else stream.on("error", reject).pipe(sent);
  });
}

function parsed(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
