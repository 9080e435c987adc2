import http2 from "node:http2";

import { EtcdError } from "./etcd-error";
import { framed, PREFIX_BYTES, requestHeaders, watchStatus } from "./grpc-wire";

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
      ...requestHeaders(method, token),
      "grpc-timeout": `${Math.ceil(deadlineMs)}m`,
    });
    const answer = answerOf(url, method, into);
    const finish = (outcome: () => Buffer) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      try {
        resolve(outcome());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }
    };
    const fail = (error: Error) => {
      finish(() => {
        throw error;
      });
    };
    const onAbort = () => {
      fail(abortReason(signal));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = setTimeout(() => {
      const what = `etcd at ${url} did not answer ${method} within ${deadlineMs / 1000} s`;
      fail(new EtcdError("deadline", what));
    }, deadlineMs);

    const status = watchStatus(stream, url, method, fail);
    stream.on("data", (chunk: Buffer) => {
      const problem = answer.take(chunk);
      if (problem) fail(problem);
    });
    stream.on("error", fail);
    stream.on("close", () => {
      finish(() => {
        status.assertGood();
        return answer.whole();
      });
    });
    stream.end(framed(request));
  });
}

/** The one message of an answer, as it comes in. */
interface Answer {
  /** Returns what is wrong when it is larger than there is room. */
  take(chunk: Buffer): EtcdError | undefined;
  /** Throws when it is not as long as it was announced. */
  whole(): Buffer;
}

function answerOf(url: string, method: string, into: Uint8Array | undefined): Answer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  let prefixBytes = 0;
  let answer: Buffer | undefined;
  let answerBytes = 0;
  return {
    take(chunk) {
      let body = chunk;
      if (answer === undefined) {
        const taken = Math.min(PREFIX_BYTES - prefixBytes, chunk.length);
        chunk.copy(prefix, prefixBytes, 0, taken);
        prefixBytes += taken;
        if (prefixBytes < PREFIX_BYTES) return undefined;
        body = chunk.subarray(taken);
        const length = prefix.readUInt32BE(1);
        const room = into?.length ?? LARGEST_OWN_BUFFER;
        if (length > room) {
          const what = `etcd at ${url} answered ${method} with ${length} bytes, ${room} were expected at most`;
          return new EtcdError("too-large", what);
        }
        answer = into
          ? Buffer.from(into.buffer, into.byteOffset, length)
          : Buffer.allocUnsafe(length);
      }
      body.copy(answer, answerBytes);
      answerBytes += body.length;
      // Not by waiting for its end: what goes on for ever has none.
      if (answerBytes <= answer.length) return undefined;
      const what = `etcd at ${url} answered ${method} with more than the ${answer.length} bytes that it announced`;
      return new EtcdError("not-etcd", what);
    },
    whole() {
      if (answer?.length === answerBytes) return answer;
      const announced = answer === undefined ? "none" : String(answer.length);
      const what = `etcd at ${url} answered ${method} with ${answerBytes} bytes, announced were ${announced}`;
      throw new EtcdError("not-etcd", what);
    },
  };
}

/** Why a signal was raised, as an error. */
export function abortReason(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error("aborted");
}
