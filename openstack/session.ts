/** A log-in to an OpenStack: its services by their type, and requests with a token. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { CloudError } from "./cloud-error";
import type { Credentials, Identity } from "./credentials";
import { readAnswer, send, sendForStream, type HttpAnswer, type HttpRequest } from "./http";
import { endpointsOf, type ServiceType, Token } from "./catalog";

/** What a service answered in place of what was asked for. */
export class OpenStackError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export interface RequestOptions {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly stream?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Session {
  readonly projectId: string;
  readonly projectName: string;
  /** Names of the roles that we have in the project. */
  readonly roles: readonly string[];
  /** The region that is asked. */
  readonly region: string | undefined;
  /** Whether the catalogue has a service of this type. */
  offers(service: ServiceType): boolean;
  /**
   * Asks a service; the path stands below its version, `/servers` or `/networks?name=x`.
   * @throws OpenStackError with the status and the service's own words when it refuses; CloudError when it cannot be reached.
   */
  request(service: ServiceType, path: string, options?: RequestOptions): Promise<unknown>;
  /** The same for an answer that is read piece by piece: it must be read, or destroyed. */
  open(service: ServiceType, path: string, options?: RequestOptions): Promise<OpenedAnswer>;
}

/** An answer whose content has yet to come. */
export interface OpenedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly stream: Readable;
}

/** Nova's: server tags as we give them at creation came with 2.52. */
const MICROVERSION = "2.52";

/** Logs in. @throws CloudError that says what is wrong with the credentials, or that nobody answers. */
export async function openSession(
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<Session> {
  const { authUrl, source } = credentials;
  const trust = {
    verify: credentials.verify,
    ...(credentials.ca !== undefined && { ca: credentials.ca }),
    ...(signal && { signal }),
  };
  const answer = await reach(authUrl, "keystone", () =>
    send({
      method: "POST",
      url: `${authUrl}/auth/tokens`,
      body: { auth: authOf(credentials.identity) },
      ...trust,
    }),
  );
  const secret = answer.headers["x-subject-token"];
  if (answer.status !== 201 || typeof secret !== "string")
    throw refusedLogin(answer, authUrl, source);
  const { token: about } = Token.parse(answer.body);
  const { project } = about;
  if (project === undefined) {
    throw new CloudError("usage", `${source} names no project; set project_name (OS_PROJECT_NAME)`);
  }
  const { url, region } = endpointsOf(about.catalog, credentials);
  const ask = askerOf({ url, region, secret, trust });

  return {
    projectId: project.id,
    projectName: project.name,
    roles: about.roles.map(({ name }) => name),
    region,
    offers: (service) => url(service) !== undefined,
    async request(service, path, options = {}) {
      const reply = await ask(service, path, options);
      return (await reach(authUrl, service, () => readAnswer(reply))).body;
    },
    async open(service, path, options = {}) {
      const stream = await ask(service, path, options);
      return { status: stream.statusCode ?? 0, headers: stream.headers, stream };
    },
  };
}

/** What every request of a session is made with. */
interface Access {
  readonly url: (service: ServiceType) => string | undefined;
  readonly region: string | undefined;
  /** The token. */
  readonly secret: string;
  readonly trust: Pick<HttpRequest, "verify" | "ca" | "signal">;
}

/** A request to a service, and its answer while it still comes. @throws OpenStackError for a status that is none of 2xx */
function askerOf({ url, region, secret, trust }: Access) {
  return async (
    service: ServiceType,
    path: string,
    options: RequestOptions,
  ): Promise<IncomingMessage> => {
    const base = url(service);
    if (base === undefined) {
      throw new CloudError(
        "environment",
        `this OpenStack has no service of type "${service}" in ${region ?? "any region"}`,
      );
    }
    const { method = "GET", body, stream, headers } = options;
    const reply = await reach(base, service, () =>
      sendForStream({
        method,
        url: `${base}${path}`,
        ...trust,
        ...(body !== undefined && { body }),
        ...(stream && { stream }),
        ...(options.signal && { signal: options.signal }),
        headers: {
          "x-auth-token": secret,
          ...(service === "compute" ? { "openstack-api-version": `compute ${MICROVERSION}` } : {}),
          ...headers,
        },
      }),
    );
    const status = reply.statusCode ?? 0;
    if (status >= 200 && status <= 299) return reply;
    const { body: words } = await reach(base, service, () => readAnswer(reply));
    throw new OpenStackError(
      status,
      `${method} ${service} ${path.split("?")[0] ?? ""}: ${status} ${wordsOf(words)}`,
    );
  };
}

function authOf(identity: Identity): unknown {
  switch (identity.method) {
    case "password":
      return {
        identity: { methods: ["password"], password: { user: identity.user } },
        scope: identity.scope,
      };
    case "application_credential": {
      const { id, secret } = identity;
      return {
        identity: { methods: ["application_credential"], application_credential: { id, secret } },
      };
    }
    case "token":
      return {
        identity: { methods: ["token"], token: { id: identity.token } },
        scope: identity.scope,
      };
  }
}

async function reach<T>(url: string, service: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const reason = error instanceof Error && error.message !== "" ? error.message : codeOf(error);
    throw new CloudError(
      "environment",
      `cannot reach ${service} at ${new URL(url).origin}: ${reason}; is the address right, and does this computer reach it?`,
    );
  }
}

/** A refused connection to several addresses has a code and no message. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

function refusedLogin({ status, body }: HttpAnswer, authUrl: string, source: string): CloudError {
  if (status === 401) {
    return new CloudError(
      "usage",
      `keystone at ${authUrl} does not accept ${source}: ${wordsOf(body)} Check user, password, project and their domains`,
    );
  }
  return new CloudError(
    "environment",
    `keystone at ${authUrl} answers ${status}: ${wordsOf(body)} Is auth_url (OS_AUTH_URL) that of keystone?`,
  );
}

/** A service's own message, wherever in its answer it stands. */
function wordsOf(body: unknown): string {
  if (typeof body === "string")
    return body
      .replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ")
      .trim()
      .slice(0, 300);
  if (typeof body !== "object" || body === null) return "";
  for (const value of [body, ...Object.values<unknown>({ ...body })]) {
    if (typeof value !== "object" || value === null) continue;
    const message: unknown = Reflect.get(value, "message");
    if (typeof message === "string") return message.replace(/\s+/g, " ").trim();
  }
  return JSON.stringify(body).slice(0, 300);
}
