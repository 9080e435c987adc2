import type { Endpoint } from "./endpoint";

/**
 * What went wrong between us and an etcd, in a word that code can decide by.
 *
 * - `unreachable`: no connection (nothing listens, no route, no such name, no answer in time).
 * - `server-untrusted`: its certificate does not fit our CA or its address.
 * - `client-refused`: it does not take our client certificate.
 * - `not-etcd`: what answers there speaks another protocol.
 * - `unavailable`: it is there but cannot serve now (no leader, going down, connection lost). The only kind that may be retried.
 * - `deadline`: no answer within the call's time limit.
 * - `compacted`, `future`: it no longer has, or does not have yet, the revision that was asked for.
 * - `denied`: authentication is on and what we have is not enough.
 * - `too-large`: the answer is larger than the buffer that was given for it.
 * - `failed`: any other error that the server named.
 */
export type EtcdErrorKind =
  | "unreachable"
  | "server-untrusted"
  | "client-refused"
  | "not-etcd"
  | "unavailable"
  | "deadline"
  | "compacted"
  | "future"
  | "denied"
  | "too-large"
  | "failed";

/** A call to an etcd that failed; the message is meant for people and needs no stack trace. */
export class EtcdError extends Error {
  override readonly name = "EtcdError";
  constructor(
    readonly kind: EtcdErrorKind,
    message: string,
    /** gRPC's name of the status, `OUT_OF_RANGE`, where the server gave one. */
    readonly status?: string,
  ) {
    super(message);
  }
}

/** gRPC's status codes by number (grpc/grpc, doc/statuscodes.md). */
const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/**
 * The error for a gRPC status that is not OK.
 *
 * etcd uses one status for several things (OUT_OF_RANGE for compacted and for future revisions), so its message decides
 * (`api/v3rpc/rpctypes/error.go`, stable since 3.0).
 */
export function statusError(
  url: string,
  method: string,
  code: number,
  serverMessage: string,
): EtcdError {
  const status = STATUS_NAMES[code] ?? `status ${code}`;
  const kind = kindOfStatus(status, serverMessage);
  return new EtcdError(
    kind,
    `etcd at ${url} answered ${method} with ${status}: ${serverMessage || "no message"}`,
    status,
  );
}

function kindOfStatus(status: string, message: string): EtcdErrorKind {
  if (message.includes("required revision has been compacted")) {
    return "compacted";
  }
  if (message.includes("required revision is a future revision")) {
    return "future";
  }
  if (
    status === "PERMISSION_DENIED" ||
    status === "UNAUTHENTICATED" ||
    /user name is empty|user name not found|authentication failed|invalid auth token/.test(message)
  ) {
    return "denied";
  }
  // "no leader", "leader changed" and "server stopped" come with UNAVAILABLE, a raft time-out too.
  if (status === "UNAVAILABLE") {
    return "unavailable";
  }
  return status === "DEADLINE_EXCEEDED" ? "deadline" : "failed";
}

/** OpenSSL's and Node's codes for "the server's certificate is not to be trusted". */
const UNTRUSTED =
  /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_\w+|INVALID_CA|ERR_TLS_CERT_ALTNAME_INVALID)$/;

/**
 * The error for a connection that did not come about, or broke.
 * @param wasConnected whether a call had been answered on it: then it is `unavailable`, and may be retried.
 */
export function connectionError(
  { url, socketPath }: Pick<Endpoint, "url" | "socketPath">,
  error: Error,
  wasConnected: boolean,
): EtcdError {
  if (error instanceof EtcdError) {
    return error;
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const said = error.message.replace(/^[0-9A-F]+:error:[0-9A-F]+:/, "").trim();
  if (UNTRUSTED.test(code)) {
    return new EtcdError(
      "server-untrusted",
      `the certificate of ${url} is not to be trusted: ${said} (${code}). ` +
        "Give the CA that signed it, and an address that stands in it.",
    );
  }
  if (/alert (bad certificate|certificate required|unknown ca|certificate \w+)/i.test(said)) {
    return new EtcdError(
      "client-refused",
      `etcd at ${url} refused our client certificate: ${said}. ` +
        "Give a certificate and key signed by the CA that this etcd trusts for clients.",
    );
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "EPROTO") {
    return new EtcdError(
      "not-etcd",
      `${url} does not answer with TLS: ${said}. Is it http:// instead of https://?`,
    );
  }
  if (wasConnected) {
    return new EtcdError(
      "unavailable",
      `the connection to etcd at ${url} was lost: ${said || code || "closed by the server"}`,
    );
  }
  if (code === "ECONNREFUSED") {
    return new EtcdError(
      "unreachable",
      `nothing listens at ${url} (connection refused). Is etcd running there?`,
    );
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new EtcdError("unreachable", `no such host: ${url} (${code})`);
  }
  // A tunnel takes every connection, and hangs up when there is nobody at its other end.
  if (socketPath !== undefined && (code === "ECONNRESET" || code === "")) {
    return new EtcdError("unreachable", `nothing listens at ${url}. Is etcd running there?`);
  }
  if (code.startsWith("ERR_HTTP2") || code === "ECONNRESET" || code === "") {
    return new EtcdError(
      "not-etcd",
      `what listens at ${url} does not speak etcd's protocol (gRPC): ${said || "closed the connection"}. ` +
        "Check the port, and http:// against https://.",
    );
  }
  return new EtcdError("unreachable", `no connection to ${url}: ${said} (${code})`);
}
