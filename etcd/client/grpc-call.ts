import http2 from "node:http2";

import { EtcdError, statusError } from "./etcd-error";

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

const LARGEST_OWN_BUFFER = 64 * 1024 * 1024;

/**
 * Sends one length-prefixed message and gathers the answer's (grpc/grpc, doc/PROTOCOL-HTTP2.md).
 * @throws EtcdError for a status that is not OK; Node's own error when the stream or its connection breaks.
 */
export function unary(
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
export function unescapeMessage(message: string | string[] | undefined): string {
  const text = Array.isArray(message) ? message.join(", ") : (message ?? "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Why a signal was raised, as an error. */
export function abortReason(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error("aborted");
}
