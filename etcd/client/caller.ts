/** Calls to one etcd that outlast what passes: a lost connection, a moment without a leader, a token that ran out. */
import { setTimeout as delay } from "node:timers/promises";

import { bytesField, encodeMessage, readFields, type ReadField } from "../wire/protobuf";
import type { Endpoint } from "./endpoint";
import { EtcdError } from "./etcd-error";
import { connect, type Connection } from "./grpc";

/** Makes calls; connects at the first, and again when the connection is lost. */
export interface Caller {
  readonly url: string;
  /** The fields of the answer. Throws `EtcdError`. */
  ask(method: string, request: Buffer, limitMs?: number): Promise<readonly ReadField[]>;
  /** Tries again when `check` throws `EtcdError` of the kind `unavailable` too. */
  askUntil(
    method: string,
    request: Buffer,
    check: (answer: readonly ReadField[]) => void,
  ): Promise<readonly ReadField[]>;
  /** Writes the answer to the front of a buffer; returns its length. */
  askInto(method: string, request: Buffer, limitMs: number, into: Uint8Array): Promise<number>;
  /** Whether there is a token to be had for the endpoint's user; throws `denied` when there is none for it. */
  givesTokens(): Promise<boolean>;
  close(): void;
}

/** A request that has no fields, or none that are not at their defaults. */
export const NOTHING = Buffer.alloc(0);
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 250;
/** Small calls: answered in milliseconds, or something is wrong. */
const CALL_LIMIT_MS = 10_000;

/** Nothing is connected yet when this returns. */
export function openCaller(endpoint: Endpoint, signal?: AbortSignal): Caller {
  const link = openLink(endpoint, signal);

  async function attempt(method: string, request: Buffer, deadlineMs: number, into?: Uint8Array) {
    const open = await link.connected();
    const token = endpoint.username === undefined ? undefined : await link.token(open);
    try {
      return await open.call(method, request, { deadlineMs, signal, token, into });
    } catch (error) {
      // Tokens run out after five minutes and with the server's process.
      if (error instanceof EtcdError && error.kind === "denied") link.forgetToken();
      throw error;
    }
  }
  const persistently = <T>(once: () => Promise<T>) => tryAgain(once, link, signal);

  return {
    url: endpoint.url,
    async ask(method, request, limitMs = CALL_LIMIT_MS) {
      return fieldsOf(method, await persistently(() => attempt(method, request, limitMs)));
    },
    askUntil: (method, request, check) =>
      persistently(async () => {
        const answer = fieldsOf(method, await attempt(method, request, CALL_LIMIT_MS));
        check(answer);
        return answer;
      }),
    async askInto(method, request, limitMs, into) {
      return (await persistently(() => attempt(method, request, limitMs, into))).length;
    },
    givesTokens: () =>
      persistently(
        async () => (await authenticate(await link.connected(), endpoint, signal)) !== undefined,
      ),
    close() {
      link.close();
    },
  };
}

function fieldsOf(method: string, message: Buffer): readonly ReadField[] {
  try {
    return [...readFields(message)];
  } catch (error) {
    if (error instanceof RangeError) {
      throw new EtcdError(
        "not-etcd",
        `the answer to ${method} is none of etcd's: ${error.message}`,
      );
    }
    throw error;
  }
}

/** The connection and the token that go with it. */
interface Link {
  connected(): Promise<Connection>;
  token(open: Connection): Promise<string | undefined>;
  forgetToken(): void;
  /** Whether a connection, or a token, was there before. */
  hasConnected(): boolean;
  hasToken(): boolean;
  close(): void;
}

function openLink(endpoint: Endpoint, signal?: AbortSignal): Link {
  let connection: Promise<Connection> | undefined;
  let token: Promise<string | undefined> | undefined;
  return {
    async connected() {
      const known = await connection;
      if (known?.usable) {
        return known;
      }
      // Several calls may find it lost at once; the first opens, the others wait for the same.
      connection = connect(endpoint, signal);
      connection.catch(() => {
        connection = undefined;
      });
      return connection;
    },
    token: (open) => (token ??= authenticate(open, endpoint, signal)),
    forgetToken() {
      token = undefined;
    },
    hasConnected: () => connection !== undefined,
    hasToken: () => token !== undefined,
    close() {
      connection?.then(
        (open) => {
          open.close();
        },
        () => undefined,
      );
    },
  };
}

/** Tries again where it is `unavailable`, and once more with a fresh token where the old one ran out. */
async function tryAgain<T>(once: () => Promise<T>, link: Link, signal?: AbortSignal): Promise<T> {
  let pause = FIRST_PAUSE_MS;
  let wasUp = link.hasConnected();
  let renewed = !link.hasToken();
  for (let number = 1; ; number += 1) {
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof EtcdError)) {
        throw error;
      }
      if (error.kind === "denied" && error.status === "UNAUTHENTICATED" && !renewed) {
        renewed = true;
        continue;
      }
      wasUp ||= error.kind === "unavailable";
      // After a lost connection a refused one is the same trouble going on; at first it is the answer.
      const passing = error.kind === "unavailable" || (wasUp && error.kind === "unreachable");
      if (!passing) {
        throw error;
      }
      if (number === ATTEMPTS) {
        throw new EtcdError(error.kind, `${error.message} (tried ${ATTEMPTS} times)`);
      }
    }
    await delay(pause, undefined, { signal });
    pause *= 2;
  }
}

/** A token for the endpoint's user; none when the server has authentication off. */
export async function authenticate(
  open: Connection,
  endpoint: Endpoint,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const request = encodeMessage([
    [1, endpoint.username ?? ""],
    [2, endpoint.password ?? ""],
  ]);
  try {
    // bcrypt at the server takes its time.
    const options = { deadlineMs: CALL_LIMIT_MS, signal };
    const answer = await open.call("etcdserverpb.Auth/Authenticate", request, options);
    return bytesField([...readFields(answer)], 2).toString();
  } catch (error) {
    // "authentication is not enabled" is the only such status that this call has (rpctypes/error.go).
    if (error instanceof EtcdError && error.status === "FAILED_PRECONDITION") {
      return undefined;
    }
    throw error;
  }
}
