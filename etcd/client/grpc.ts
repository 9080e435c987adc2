import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";

import { connectionError, EtcdError } from "./etcd-error";
import type { Endpoint } from "./endpoint";
import { abortReason, type CallOptions, unary } from "./grpc-call";
import { serverStream, type StreamOptions } from "./grpc-stream";

/** One HTTP/2 connection to an etcd. */
export interface Connection {
  /**
   * Makes a unary call.
   * @param method `etcdserverpb.KV/Range`
   * @returns the answer's message: a view of `into` where that was given.
   * @throws EtcdError
   */
  call(method: string, request: Buffer, options: CallOptions): Promise<Buffer>;
  /**
   * Makes a call that is answered by many messages, and gives each when it is there.
   * @throws EtcdError, also after some messages, when the stream breaks off
   */
  stream(method: string, request: Buffer, options: StreamOptions): AsyncGenerator<Buffer>;
  /** Whether calls can still be made on it. */
  readonly usable: boolean;
  close(): void;
}

const CONNECT_LIMIT_MS = 10_000;
/** Bytes that a server may send before we must ask for more: HTTP/2's 64 KiB would make bulk reading wait at every turn. */
const STREAM_WINDOW = 16 * 1024 * 1024;
/** The same for all calls together; HTTP/2 counts it apart, and leaving it small costs a quarter of the speed. */
const CONNECTION_WINDOW = 64 * 1024 * 1024;

function sessionOver(
  socket: net.Socket,
  { url }: Endpoint,
  initialWindowSize: number,
): http2.ClientHttp2Session {
  return http2.connect(url, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize },
    // MiB; must exceed the connection's window, or Node refuses frames.
    maxSessionMemory: 128,
  });
}

/**
 * Connects to an etcd: TLS for `https:`, plain HTTP/2 for `http:`.
 * @param streamWindow bytes of an answer that may be on the way, and in memory, before they are asked for
 * @throws EtcdError when there is no connection within 10 s. A refused client certificate may show only at the first call.
 */
export async function connect(
  endpoint: Endpoint,
  signal?: AbortSignal,
  streamWindow = STREAM_WINDOW,
): Promise<Connection> {
  signal?.throwIfAborted();
  const socket = openSocket(endpoint);
  const session = sessionOver(socket, endpoint, streamWindow);
  // The socket's own errors: when a server refuses our certificate after the handshake, as TLS 1.3 does, Node's session
  // ends without a word. Without listeners they would end the process.
  let broken: Error | undefined;
  for (const source of [socket, session]) {
    source.on("error", (error: Error) => {
      broken ??= error;
    });
  }
  try {
    await connected(session, socket, endpoint, signal);
  } catch (error) {
    session.destroy();
    socket.destroy();
    throw error;
  }
  session.setLocalWindowSize(CONNECTION_WINDOW);
  let answered = false;
  /** An error of a call, in the words of what is wrong with the connection where it is that. */
  const explained = (error: unknown, { signal: aborted }: { signal?: AbortSignal | undefined }) => {
    if (error instanceof EtcdError || aborted?.aborted === true) return error;
    const cause = broken ?? (error instanceof Error ? error : new Error(String(error)));
    return connectionError(endpoint, cause, answered);
  };
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
        throw explained(error, options);
      }
    },
    async *stream(method, request, options) {
      try {
        for await (const message of serverStream(session, endpoint.url, method, request, options)) {
          answered = true;
          yield message;
        }
      } catch (error) {
        throw explained(error, options);
      }
    },
    close() {
      session.destroy();
    },
  };
}

function openSocket({ url, socketPath, localPort, tls: credentials }: Endpoint): net.Socket {
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
    throw new EtcdError(
      "unreachable",
      `${url} is no address of an etcd; it must be https://HOST:PORT or http://HOST:PORT`,
    );
  }
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const secure = protocol === "https:";
  // With a path or a port of this computer Node connects there; the certificate wanted is still that of the host.
  const address = {
    host,
    port: Number(port || (secure ? 443 : 80)),
    ...(socketPath !== undefined && { path: socketPath }),
    ...(localPort !== undefined && { host: "127.0.0.1", port: localPort }),
  };
  if (!secure) {
    return net.connect(address);
  }
  return tls.connect({
    ...address,
    ALPNProtocols: ["h2"],
    ...(net.isIP(host) === 0 && { servername: host }),
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(host, certificate),
    ...(credentials && {
      ca: credentials.ca,
      ...(credentials.certificate !== undefined && { cert: credentials.certificate }),
      ...(credentials.key !== undefined && { key: credentials.key }),
    }),
  });
}

function connected(
  session: http2.ClientHttp2Session,
  socket: net.Socket,
  endpoint: Endpoint,
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
        new EtcdError(
          "unreachable",
          `no connection to ${endpoint.url} within ${CONNECT_LIMIT_MS / 1000} s`,
        ),
      );
    }, CONNECT_LIMIT_MS);
    signal?.addEventListener("abort", onAbort, { once: true });
    // The server's settings, not just the handshake: a server that is no HTTP/2 never sends them.
    session.once("remoteSettings", () => {
      settle();
    });
    for (const source of [socket, session]) {
      source.once("error", (error: Error) => {
        settle(connectionError(endpoint, error, false));
      });
      source.once("close", () => {
        settle(connectionError(endpoint, new Error(""), false));
      });
    }
  });
}
