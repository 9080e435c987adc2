/** What every gRPC call has in common over HTTP/2 (grpc/grpc, doc/PROTOCOL-HTTP2.md): headers, framing, status. */
import type http2 from "node:http2";

import { EtcdError, statusError } from "./etcd-error";

/** Before each message: whether it is compressed (1 byte), and its length (4). */
export const PREFIX_BYTES = 5;

/** @param token etcd's authentication token */
export function requestHeaders(
  method: string,
  token: string | undefined,
): http2.OutgoingHttpHeaders {
  return {
    ":method": "POST",
    ":path": `/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...(token !== undefined && { token }),
  };
}

/** Not compressed (0), the length, the message. */
export function framed(request: Buffer): Buffer {
  const head = Buffer.alloc(PREFIX_BYTES);
  head.writeUInt32BE(request.length, 1);
  return Buffer.concat([head, request]);
}

/**
 * Takes the status of a call: it comes behind the last message, or with the header when there is no message at all.
 * @param fail told when what answers is no gRPC
 */
export function watchStatus(
  stream: http2.ClientHttp2Stream,
  url: string,
  method: string,
  fail: (error: EtcdError) => void,
) {
  let status: string | undefined;
  let message = "";
  const take = (headers: http2.IncomingHttpHeaders) => {
    const given = headers["grpc-status"];
    if (typeof given !== "string") return;
    status = given;
    message = unescapeMessage(headers["grpc-message"]);
  };
  stream.on("response", (headers) => {
    const http = headers[":status"];
    if (http !== 200) {
      const what = `${url} answered ${method} with HTTP ${http ?? "?"}: no gRPC there`;
      fail(new EtcdError("not-etcd", what));
    }
    take(headers);
  });
  stream.on("trailers", take);
  return {
    /** @throws EtcdError for a status that is not OK, Error where none came */
    assertGood() {
      if (status === undefined) throw new Error("closed before the answer was complete");
      if (status !== "0") throw statusError(url, method, Number(status), message);
    },
  };
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
