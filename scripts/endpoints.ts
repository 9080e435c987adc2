/**
 * The members of a cluster that a command speaks to, named by flags or by the environment names of etcdctl
 * (`ETCDCTL_ENDPOINTS`, …), so that people's set-ups work as they are.
 */
import { text as readAll } from "node:stream/consumers";
import type { Endpoint } from "../etcd/client/endpoint";
import { askPassword } from "./ask-password";
import { EXIT, UserError } from "./outcome";
import { readCertificate, readNamedFile, readPrivateKey } from "./tls-files";

/** The flags that name them. */
export interface EndpointsOptions {
  /** Perhaps several, with commas between them. */
  readonly endpoint?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
  readonly passwordStdin?: boolean;
  readonly passwordFile?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of etcdctl that would weaken what we promise: said, instead of being followed or ignored. */
const REFUSED = {
  ETCDCTL_INSECURE_SKIP_TLS_VERIFY: "give the CA with --cacert or ETCDCTL_CACERT",
  ETCDCTL_DISCOVERY_SRV: "give the endpoints with --endpoint or ETCDCTL_ENDPOINTS",
} as const;

/**
 * The endpoints, with what their TLS and authentication need.
 * @throws UserError naming what is missing or cannot be read
 */
export async function findEndpoints(
  options: EndpointsOptions,
  environment: Environment = process.env,
): Promise<readonly Endpoint[]> {
  const given = { ...fromEnvironment(environment), ...withoutUndefined(options) };
  if (given.endpoint === undefined) {
    throw new UserError(EXIT.usage, "which etcd? Give --endpoint URL, or set ETCDCTL_ENDPOINTS");
  }
  for (const [name, instead] of Object.entries(REFUSED)) {
    if (!/^(|0|f|false)$/i.test(environment[name] ?? "")) {
      throw new UserError(EXIT.usage, `${name} is set, which this program does not do: ${instead}`);
    }
  }
  const tls = tlsOf(given);
  const login = await loginOf(given, environment);
  const urls = given.endpoint
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "");
  return urls.map((text) => ({
    url: urlOf(text, tls !== undefined),
    ...(tls !== undefined && { tls }),
    ...login,
  }));
}

/** Whether flags or environment name any. */
export function namesEndpoints(
  { endpoint }: EndpointsOptions,
  environment: Environment = process.env,
): boolean {
  return (endpoint ?? fromEnvironment(environment).endpoint) !== undefined;
}

/** What etcdctl's environment says, as flags; the password apart, for it is no flag. */
export function fromEnvironment(environment: Environment): EndpointsOptions {
  const of = (name: string) => environment[`ETCDCTL_${name}`] ?? "";
  const user = of("USER").split(":")[0] ?? "";
  const named = {
    endpoint: of("ENDPOINTS"),
    cacert: of("CACERT"),
    cert: of("CERT"),
    key: of("KEY"),
    user,
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== ""));
}

/** As etcdctl has it, `NAME:PASSWORD` in ETCDCTL_USER or the password in ETCDCTL_PASSWORD; undefined: neither. */
function passwordOf(environment: Environment, user: string): string | undefined {
  const both = environment.ETCDCTL_USER ?? "";
  const apart = environment.ETCDCTL_PASSWORD ?? "";
  if (apart !== "") return apart;
  return both.startsWith(`${user}:`) ? both.slice(user.length + 1) : undefined;
}

async function loginOf(
  options: EndpointsOptions,
  environment: Environment,
): Promise<Pick<Endpoint, "username" | "password">> {
  const { user, passwordStdin, passwordFile } = options;
  if (user === undefined) {
    if (passwordStdin === true || passwordFile !== undefined) {
      throw new UserError(EXIT.usage, "a password needs a user: give --user NAME as well");
    }
    return {};
  }
  if (user.includes(":")) {
    throw new UserError(
      EXIT.usage,
      "--user takes the name alone: an argument is seen by everybody on this computer. Give the password with " +
        "--password-file FILE, --password-stdin or ETCDCTL_PASSWORD, or type it when asked",
    );
  }
  if (passwordStdin === true) {
    return { username: user, password: (await readAll(process.stdin)).replace(/\r?\n$/, "") };
  }
  if (passwordFile !== undefined) {
    return { username: user, password: readNamedFile(passwordFile).replace(/\r?\n$/, "") };
  }
  const password = passwordOf(environment, user) ?? (await askPassword(user));
  return { username: user, ...(password !== undefined && { password }) };
}

function tlsOf({ cacert, cert, key }: EndpointsOptions): Endpoint["tls"] {
  if (cacert === undefined && cert === undefined && key === undefined) return undefined;
  if (cacert === undefined || (cert === undefined) !== (key === undefined)) {
    throw new UserError(
      EXIT.usage,
      cacert === undefined
        ? "--cert and --key need --cacert FILE, the CA of the etcd's own certificate"
        : "--cert and --key go together; one of them is missing",
    );
  }
  return {
    ca: readCertificate("--cacert", cacert),
    ...(cert !== undefined && { certificate: readCertificate("--cert", cert) }),
    ...(key !== undefined && { key: readPrivateKey("--key", key) }),
  };
}

/** etcdctl takes `HOST:PORT` as well; a word without a port is more likely a slip than a host. */
function urlOf(text: string, secure: boolean): string {
  const full = /^\w+:\/\//.test(text) ? text : `${secure ? "https" : "http"}://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const hasPort = full === text || /:\d+\/*$/.test(text);
  if (url === undefined || !hasPort || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new UserError(
      EXIT.usage,
      `${JSON.stringify(text)} is no endpoint; it must be like https://HOST:PORT`,
    );
  }
  return full.replace(/\/+$/, "");
}

function withoutUndefined(options: EndpointsOptions): EndpointsOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
