/** GET over http and https: a proxy from the environment, redirects, and an answer that is read piece by piece. */
import * as http from "node:http";
import * as https from "node:https";
import { isLoopback } from "./address";
import { ReceivingAgent, SecureReceivingAgent } from "./reception";
import { SourceError } from "./source-error";

const MOST_REDIRECTS = 5;
/** Without a byte for so long, a connection counts as cut. */
const IDLE_MS = 60_000;

/** The connections of one store, to be closed. */
export interface Web {
  /**
   * Sends a GET and follows redirects; what comes must be read or destroyed.
   * @throws Error of the connection; SourceError for a redirect that is not followed
   */
  get(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<{ readonly answer: http.IncomingMessage; readonly url: URL }>;
  readonly close: () => void;
}

/** @param idleMs milliseconds without a byte. Default: a minute */
export function openWeb(idleMs = IDLE_MS): Web {
  const agents = openAgents();
  return {
    async get(first, headers, signal) {
      let url = first;
      for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        const sent = url.origin === first.origin ? headers : withoutCredentials(headers);
        const answer = await ask(url, sent, agents, idleMs, signal);
        const { statusCode = 0, headers: told } = answer;
        if (![301, 302, 303, 307, 308].includes(statusCode)) return { answer, url };
        answer.destroy();
        url = redirected(url, told.location);
      }
      throw new SourceError(
        "environment",
        `${first.origin} redirects more than ${MOST_REDIRECTS} times`,
      );
    },
    close: agents.close,
  };
}

function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"),
  );
}

/** Never out of TLS: whoever redirects so would read a cluster's Secrets. */
function redirected(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new SourceError("environment", `${from.origin} redirects to no address`);
  }
  const to = new URL(location, from.href);
  if (
    to.protocol === "https:" ||
    (to.protocol === "http:" && from.protocol === "http:" && isLoopback(to.hostname))
  ) {
    return to;
  }
  throw new SourceError(
    "environment",
    `${from.origin} redirects to ${to.protocol}//${to.host}, which is not followed: only https:// keeps Secrets secret`,
  );
}

function ask(
  url: URL,
  headers: Readonly<Record<string, string>>,
  agents: Agents,
  idleMs: number,
  signal: AbortSignal | undefined,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const isSecure = url.protocol === "https:";
    const target = new URL(url.href);
    // Told by a header, not by the address.
    target.username = target.password = "";
    const options = {
      // Bytes as they lie there: whoever packs them on the way would change their number.
      headers: { accept: "*/*", "accept-encoding": "identity", ...headers },
      agent: agents.for(target),
      ...(signal && { signal }),
    };
    const request = isSecure ? https.get(target, options) : http.get(target, options);
    request.setTimeout(idleMs, () => {
      request.destroy(new Error(`no byte for ${idleMs / 1000} s`));
    });
    request.on("error", reject);
    request.on("response", resolve);
  });
}

interface Agents {
  readonly for: (url: URL) => http.Agent;
  readonly close: () => void;
}

/** Agents that keep connections; through the proxy that the environment names for an address, as curl reads it. */
export function openAgents(ca?: readonly string[]): Agents {
  const open = new Map<string, http.Agent>();
  const trust = ca === undefined ? {} : { ca: [...ca] };
  const agentFor = (url: URL): http.Agent => {
    const proxy = proxyFor(url);
    const key = `${url.protocol}${proxy ?? ""}`;
    const known = open.get(key);
    if (known !== undefined) return known;
    const made = makeAgent(url.protocol === "https:", proxy, trust);
    open.set(key, made);
    return made;
  };
  return {
    for: agentFor,
    close() {
      for (const agent of open.values()) agent.destroy();
    },
  };
}

/* eslint-disable @typescript-eslint/no-require-imports -- most have no proxy */
function proxyFor(url: URL): string | undefined {
  const names = ["https_proxy", "http_proxy", "all_proxy"];
  const isSet = names.some((name) => Boolean(process.env[name] ?? process.env[name.toUpperCase()]));
  if (!isSet) return undefined;
  const { getProxyForUrl } = require("proxy-from-env") as typeof import("proxy-from-env");
  const proxy = getProxyForUrl(url.href);
  return proxy === "" ? undefined : proxy;
}

function makeAgent(
  isSecure: boolean,
  proxy: string | undefined,
  trust: { readonly ca?: string[] },
): http.Agent {
  const keep = { keepAlive: true, ...trust };
  if (proxy === undefined) {
    return isSecure ? new SecureReceivingAgent(keep) : new ReceivingAgent(keep);
  }
  if (isSecure) {
    const { HttpsProxyAgent } = require("https-proxy-agent") as typeof import("https-proxy-agent");
    return new HttpsProxyAgent(proxy, keep);
  }
  const { HttpProxyAgent } = require("http-proxy-agent") as typeof import("http-proxy-agent");
  return new HttpProxyAgent(proxy, keep);
}
/* eslint-enable @typescript-eslint/no-require-imports */
