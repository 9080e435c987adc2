import { shortened, visible } from "../wire/visible";
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
 * What etcd's own errors mean, by the exact text that stands for each.
 *
 * The text is the error's identity in etcd's protocol, since it uses one status for several things: etcd's client looks
 * it up in just such a table (`errStringToError` in `api/v3rpc/rpctypes/error.go`, unchanged since 3.0).
 */
const ETCD_ERRORS: ReadonlyMap<string, EtcdErrorKind> = new Map([
  ["etcdserver: mvcc: required revision has been compacted", "compacted"],
  ["etcdserver: mvcc: required revision is a future revision", "future"],
  ["etcdserver: permission denied", "denied"],
  ["etcdserver: invalid auth token", "denied"],
  ["etcdserver: user name is empty", "denied"],
  ["etcdserver: user name not found", "denied"],
  ["etcdserver: authentication failed, invalid user ID or password", "denied"],
]);

/** What any server means by a status; "no leader", "leader changed", a stop and raft's time-outs come with UNAVAILABLE. */
const STATUS_KINDS: ReadonlyMap<string, EtcdErrorKind> = new Map([
  ["PERMISSION_DENIED", "denied"],
  ["UNAUTHENTICATED", "denied"],
  ["UNAVAILABLE", "unavailable"],
  ["DEADLINE_EXCEEDED", "deadline"],
]);

/** The error for a gRPC status that is not OK. */
export function statusError(
  url: string,
  method: string,
  code: number,
  serverMessage: string,
): EtcdError {
  const status = STATUS_NAMES[code] ?? `status ${code}`;
  return new EtcdError(
    ETCD_ERRORS.get(serverMessage) ?? STATUS_KINDS.get(status) ?? "failed",
    `etcd at ${url} answered ${method} with ${status}: ${shortened(visible(serverMessage), 300) || "no message"}`,
    status,
  );
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
