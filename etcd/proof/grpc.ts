import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";

import { connectionError, EtcdError, statusError } from "./etcd-error";
import type { Endpoint } from "./endpoint";

/** How one call is made. */
export interface CallOptions {
  /** Gives up after this many milliseconds; the server is told too, so that it stops working for us. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** etcd's authentication token. */
  readonly token?: string | undefined;
  /** Where the answer is written. Default: a buffer of its own, of up to 64 MiB. */
  readonly into?: Uint8Array | undefined;
}

/** One HTTP/2 connection to an etcd. */
export interface Connection {
  /**
   * Makes a unary call.
   * @param method `etcdserverpb.KV/Range`
   * @returns the answer's message: a view of `into` where that was given.
   * @throws EtcdError
   */
  call(method: string, request: Buffer, options: CallOptions): Promise<Buffer>;
  /** Whether calls can still be made on it. */
  readonly usable: boolean;
  close(): void;
}

const CONNECT_LIMIT_MS = 10_000;
const LARGEST_OWN_BUFFER = 64 * 1024 * 1024;
/** Bytes that a server may send before we must ask for more: HTTP/2's 64 KiB would make bulk reading wait at every turn. */
const STREAM_WINDOW = 16 * 1024 * 1024;
/** The same for all calls together; HTTP/2 counts it apart, and leaving it small costs a quarter of the speed. */
const CONNECTION_WINDOW = 64 * 1024 * 1024;

/**
 * Connects to an etcd: TLS for `https:`, plain HTTP/2 for `http:`.
 * @throws EtcdError when there is no connection within 10 s. A refused client certificate may show only at the first call.
 */
export async function connect(endpoint: Endpoint, signal?: AbortSignal): Promise<Connection> {
  signal?.throwIfAborted();
  const socket = openSocket(endpoint);
  const session = http2.connect(endpoint.url, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    // MiB; must exceed the connection's window, or Node refuses frames.
    maxSessionMemory: 128,
  });
  // The socket's own errors: when a server refuses our certificate after the handshake, as TLS 1.3 does, Node's session
  // ends without a word. Without listeners they would end the process.
  let broken: Error | undefined;
  for (const source of [socket, session]) {
    source.on("error", (error: Error) => {
      broken ??= error;
    });
  }
  try {
    await connected(session, socket, endpoint.url, signal);
  } catch (error) {
    session.destroy();
    socket.destroy();
    throw error;
  }
  session.setLocalWindowSize(CONNECTION_WINDOW);
  let answered = false;
  return {
    get usable() {
      return !session.closed && !session.destroyed;
    },
    async call(method, request, options) {
      try {
        const answer = await unary(session, endpoint.url, method, request, options);
        answered = true;
        return answer;
      } catch (error) {
        if (error instanceof EtcdError || options.signal?.aborted) {
          throw error;
        }
        const cause = broken ?? (error instanceof Error ? error : new Error(String(error)));
        throw connectionError(endpoint.url, cause, answered);
      }
    },
    close() {
      session.destroy();
    },
  };
}

function openSocket({ url, tls: credentials }: Endpoint): net.Socket {
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
    throw new EtcdError(
      "unreachable",
      `${url} is no address of an etcd; it must be https://HOST:PORT or http://HOST:PORT`,
    );
  }
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const secure = protocol === "https:";
  const address = { host, port: Number(port || (secure ? 443 : 80)) };
  if (!secure) {
    return net.connect(address);
  }
  return tls.connect({
    ...address,
    ALPNProtocols: ["h2"],
    ...(net.isIP(host) === 0 && { servername: host }),
    ...(credentials && {
      ca: credentials.ca,
      cert: credentials.certificate,
      key: credentials.key,
    }),
  });
}

function connected(
  session: http2.ClientHttp2Session,
  socket: net.Socket,
  url: string,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      if (error) {
        reject(error);
      } else {
        resolve();
      }
    };
    const onAbort = () => {
      settle(abortReason(signal));
    };
    const timer = setTimeout(() => {
      settle(
        new EtcdError("unreachable", `no connection to ${url} within ${CONNECT_LIMIT_MS / 1000} s`),
      );
    }, CONNECT_LIMIT_MS);
    signal?.addEventListener("abort", onAbort, { once: true });
    // The server's settings, not just the handshake: a server that is no HTTP/2 never sends them.
    session.once("remoteSettings", () => {
      settle();
    });
    for (const source of [socket, session]) {
      source.once("error", (error: Error) => {
        settle(connectionError(url, error, false));
      });
      source.once("close", () => {
        settle(connectionError(url, new Error(""), false));
      });
    }
  });
}

/** Sends one length-prefixed message and gathers the answer's (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
function unary(
  session: http2.ClientHttp2Session,
  url: string,
  method: string,
  request: Buffer,
  { deadlineMs, signal, token, into }: CallOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stream = session.request({
      ":method": "POST",
      ":path": `/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": `${Math.ceil(deadlineMs)}m`,
      ...(token !== undefined && { token }),
    });
    let status: string | undefined;
    let message = "";
    const prefix = Buffer.alloc(5);
    let prefixBytes = 0;
    let answer: Buffer | undefined;
    let answerBytes = 0;

    const finish = (error?: Error) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      if (error) {
        reject(error);
        stream.close(http2.constants.NGHTTP2_CANCEL);
      } else {
        resolve(answer ?? Buffer.alloc(0));
      }
    };
    const onAbort = () => {
      finish(abortReason(signal));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = setTimeout(() => {
      finish(
        new EtcdError(
          "deadline",
          `etcd at ${url} did not answer ${method} within ${deadlineMs / 1000} s`,
        ),
      );
    }, deadlineMs);

    const takeStatus = (headers: http2.IncomingHttpHeaders) => {
      const given = headers["grpc-status"];
      if (typeof given === "string") {
        status = given;
        message = unescapeMessage(headers["grpc-message"]);
      }
    };
    stream.on("response", (headers) => {
      const http = headers[":status"];
      if (http !== 200) {
        finish(
          new EtcdError(
            "not-etcd",
            `${url} answered ${method} with HTTP ${http ?? "?"}: no gRPC there`,
          ),
        );
      }
      takeStatus(headers);
    });
    stream.on("trailers", takeStatus);
    stream.on("data", (chunk: Buffer) => {
      let body = chunk;
      if (answer === undefined) {
        const taken = Math.min(prefix.length - prefixBytes, chunk.length);
        chunk.copy(prefix, prefixBytes, 0, taken);
        prefixBytes += taken;
        if (prefixBytes < prefix.length) {
          return;
        }
        body = chunk.subarray(taken);
        const length = prefix.readUInt32BE(1);
        const room = into?.length ?? LARGEST_OWN_BUFFER;
        if (length > room) {
          finish(
            new EtcdError(
              "too-large",
              `etcd at ${url} answered ${method} with ${length} bytes, ${room} were expected at most`,
            ),
          );
          return;
        }
        answer = into
          ? Buffer.from(into.buffer, into.byteOffset, length)
          : Buffer.allocUnsafe(length);
      }
      // A longer answer than announced is cut here and found below.
      body.copy(answer, answerBytes);
      answerBytes += body.length;
    });
    stream.on("error", finish);
    stream.on("close", () => {
      if (status === undefined) {
        finish(new Error("closed before the answer was complete"));
      } else if (status !== "0") {
        finish(statusError(url, method, Number(status), message));
      } else if (answerBytes !== answer?.length) {
        finish(
          new EtcdError(
            "not-etcd",
            `etcd at ${url} answered ${method} with ${answerBytes} bytes, announced were ${answer?.length ?? "none"}`,
          ),
        );
      } else {
        finish();
      }
    });

    const head = Buffer.alloc(5);
    head.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([head, request]));
  });
}

/** gRPC percent-encodes what is not printable ASCII; a message that breaks the rule is shown as it came. */
function unescapeMessage(message: string | string[] | undefined): string {
  const text = Array.isArray(message) ? message.join(", ") : (message ?? "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function abortReason(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error("aborted");
}
