/** Questions to a Kubernetes API server through a Unix socket: HTTPS, JSON, a limit for each. */
import * as https from "node:https";
import { setTimeout as delay } from "node:timers/promises";

/** How the server is reached, and as whom. */
export interface ApiEndpoint {
  readonly socketPath: string;
  /** PEM text of the CA that signed its certificate, which names `localhost`. */
  readonly ca: string;
  readonly token: string;
}

export interface ApiAnswer {
  /** HTTP status. */
  readonly status: number;
  readonly body: string;
}

/** The server gives no answer that could be read; the message says to what. Never a value. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** 0: no answer came. */
    readonly status: number,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export interface ApiClient {
  /** Asks once. Rejects with `ApiError` when nothing answers. */
  once(path: string, accept?: string): Promise<ApiAnswer>;
  /** Asks again where a connection is cut: a server does that when it begins to serve a definition anew. */
  get(path: string, accept?: string): Promise<ApiAnswer>;
  /**
   * Asks for JSON; what is answered with 429 (caches that fill) or 503 is asked again.
   * @throws ApiError for any other answer than 200, and when the limit is over
   */
  json(path: string, accept?: string): Promise<unknown>;
  close(): void;
}

const ANSWER_LIMIT_MS = 60_000;
const LARGEST_ANSWER = 256 * 1024 * 1024;
const PAUSE_MS = 500;
const ATTEMPTS = 5;
/** Too many requests, and not ready: they pass. */
const PASSING: readonly number[] = [429, 503];

/** @param patience milliseconds that passing refusals are waited for, each time */
export function openApi(endpoint: ApiEndpoint, patience: number, signal: AbortSignal): ApiClient {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
  const once = (path: string, accept = "application/json") =>
    ask({ ...endpoint, agent, path, accept, signal });
  const get = async (path: string, accept?: string) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(path, accept);
      } catch (error) {
        if (!(error instanceof ApiError) || attempt === ATTEMPTS) throw error;
      }
      await delay(PAUSE_MS, undefined, { signal });
    }
  };
  return {
    once,
    get,
    async json(path, accept) {
      const until = Date.now() + patience;
      for (;;) {
        const answer = await get(path, accept);
        if (answer.status === 200) return parse(path, answer.body);
        if (!PASSING.includes(answer.status) || Date.now() > until) {
          throw new ApiError(refusal(path, answer), answer.status);
        }
        await delay(PAUSE_MS, undefined, { signal });
      }
    },
    close() {
      agent.destroy();
    },
  };
}

interface Question extends ApiEndpoint {
  readonly agent: https.Agent;
  readonly path: string;
  readonly accept: string;
  readonly signal: AbortSignal;
}

function ask(question: Question): Promise<ApiAnswer> {
  const { socketPath, ca, token, agent, path, accept, signal } = question;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : error);
      else reject(new ApiError(`no answer to ${pathOf(path)}: ${error.message}`, 0));
    };
    const headers = { authorization: `Bearer ${token}`, accept };
    const options = { socketPath, ca, agent, path, headers, signal, servername: "localhost" };
    const request = https.get({ ...options, timeout: ANSWER_LIMIT_MS }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > LARGEST_ANSWER) request.destroy(new Error("it is too large"));
      });
      response.on("error", fail);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() });
      });
    });
    request.on("timeout", () => {
      request.destroy(new Error(`nothing came for ${ANSWER_LIMIT_MS / 1000} s`));
    });
    request.on("error", fail);
  });
}

function parse(path: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiError(`the answer to ${pathOf(path)} is no JSON`, 200);
  }
}

/** What an answer that is no good says: the reason of its Status. Its message may quote what an object holds. */
function refusal(path: string, { status, body }: ApiAnswer): string {
  const reason = /"reason":\s*"(\w+)"/.exec(body)?.[1];
  return `${pathOf(path)} was answered with ${status}${reason === undefined ? "" : ` ${reason}`}`;
}

/** Without the question behind it. */
function pathOf(path: string): string {
  return path.split("?")[0] ?? path;
}
