/** A gRPC call with one request and many answers (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
import http2 from "node:http2";

import { EtcdError } from "./etcd-error";
import { abortReason } from "./grpc-call";
import { framed, PREFIX_BYTES, requestHeaders, watchStatus } from "./grpc-wire";

/** How a streaming call is made. */
export interface StreamOptions {
  /** Gives up when nothing came for so many milliseconds. There is no limit for the whole. */
  readonly idleMs: number;
  readonly signal?: AbortSignal | undefined;
  /** etcd's authentication token. */
  readonly token?: string | undefined;
}

/** etcd sends a snapshot in pieces of 32 KiB; nothing of its streams comes near this. */
const LARGEST_MESSAGE = 16 * 1024 * 1024;

/**
 * Sends one message and gives those of the answer, each as soon as it is whole; what is not asked for yet is not read
 * from the connection, so memory stays flat.
 * @throws EtcdError for a status that is not OK; Node's own error when the stream or its connection breaks
 */
export async function* serverStream(
  session: http2.ClientHttp2Session,
  url: string,
  method: string,
  request: Buffer,
  { idleMs, signal, token }: StreamOptions,
): AsyncGenerator<Buffer> {
  signal?.throwIfAborted();
  const stream = session.request(requestHeaders(method, token));
  const status = watchStatus(stream, url, method, (error) => stream.destroy(error));
  const onAbort = () => {
    stream.destroy(abortReason(signal));
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  stream.setTimeout(idleMs, () => {
    const waited = `etcd at ${url} sent nothing of its answer to ${method} for ${idleMs / 1000} s`;
    stream.destroy(new EtcdError("deadline", waited));
  });
  stream.end(framed(request));
  try {
    yield* messagesOf(stream, url, method);
    status.assertGood();
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (!stream.destroyed) stream.close(http2.constants.NGHTTP2_CANCEL);
  }
}

async function* messagesOf(
  stream: AsyncIterable<Buffer>,
  url: string,
  method: string,
): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let waiting = 0;
  let wanted = PREFIX_BYTES;
  for await (const part of stream) {
    parts.push(part);
    waiting += part.length;
    if (waiting < wanted) continue;
    let rest = parts.length === 1 ? part : Buffer.concat(parts);
    for (;;) {
      wanted = rest.length < PREFIX_BYTES ? PREFIX_BYTES : PREFIX_BYTES + rest.readUInt32BE(1);
      if (wanted > LARGEST_MESSAGE) {
        const said = `etcd at ${url} answered ${method} with a message of ${wanted} bytes`;
        throw new EtcdError("too-large", `${said}, ${LARGEST_MESSAGE} were expected at most`);
      }
      if (rest.length < wanted || rest.length < PREFIX_BYTES) break;
      yield rest.subarray(PREFIX_BYTES, wanted);
      rest = rest.subarray(wanted);
    }
    parts = [rest];
    waiting = rest.length;
  }
  if (waiting > 0) throw new Error("closed in the middle of a message");
}
