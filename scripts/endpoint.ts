/** Which running etcd a command speaks to: from its flags, from the outputs of a stack, or the lab that runs. */
import { text as readAll } from "node:stream/consumers";
import type { Endpoint } from "../etcd/client/endpoint";
import { findEndpoints, namesEndpoints, type EndpointsOptions } from "./endpoints";
import { EXIT, UserError } from "./outcome";
import { LOCAL_STACK, typed } from "./project";
import { say } from "./terminal";
import { stackOutputs, type Outputs, type StackOptions } from "./stack";

/** The flags that name an etcd. */
export type EndpointOptions = StackOptions & EndpointsOptions;

/** An etcd, and the stack that it belongs to. */
export interface Target {
  readonly endpoint: Endpoint;
  /** The other members of its cluster, as far as they are named. */
  readonly others: readonly Endpoint[];
  /** Absent for an endpoint that was named by its URL. */
  readonly stack?: string;
  /** The backup that the stack was restored from, where it says so. */
  readonly backup?: string;
  /** When the stack's store was restored, where it says so. */
  readonly restoredAt?: Date;
}

/**
 * The etcd that the flags or the stack name, with what its TLS and authentication need; without either it is the lab
 * that runs.
 * @throws UserError when both are named, or the stack is not up
 */
export async function findTarget(options: EndpointOptions, signal: AbortSignal): Promise<Target> {
  if (options.stack !== undefined && options.endpoint !== undefined) {
    throw new UserError(EXIT.usage, "which etcd? Give either --endpoint URL or --stack NAME");
  }
  if (options.stack === undefined && namesEndpoints(options)) {
    const [endpoint, ...others] = await findEndpoints(options);
    if (endpoint === undefined) throw new UserError(EXIT.usage, "--endpoint names no etcd");
    return { endpoint, others };
  }
  const { cacert, cert, key, user } = options;
  if ([cacert, cert, key].some((file) => file !== undefined)) {
    throw new UserError(EXIT.usage, "--cacert, --cert and --key go with --endpoint URL");
  }
  if (options.passwordStdin === true && user === undefined) {
    throw new UserError(EXIT.usage, "--password-stdin goes with --user NAME");
  }
  const password =
    options.passwordStdin === true ? (await readAll(process.stdin)).trimEnd() : undefined;
  const login = {
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
  };
  const stack = options.stack ?? LOCAL_STACK;
  const outputs = await stackOutputs(options, signal);
  const backup = backupOf(outputs);
  const restoredAt = restoredAtOf(outputs);
  const endpoint = { ...stackEndpoint(stack, outputs), ...login };
  return {
    endpoint,
    others: otherUrls(outputs).map((url) => ({ ...endpoint, url })),
    stack,
    ...(backup === undefined ? {} : { backup }),
    ...(restoredAt === undefined ? {} : { restoredAt }),
  };
}

/** The same for a command that asks one etcd: of several the first, and says so where the user has named them. */
export async function findOne(options: EndpointOptions, signal: AbortSignal): Promise<Endpoint> {
  const { endpoint, others, stack } = await findTarget(options, signal);
  if (stack === undefined && others.length > 0) {
    say(`of ${others.length + 1} endpoints the first is asked: ${endpoint.url}`);
  }
  return endpoint;
}

/** Of the members beside the first; of a stack that an older program made, none. */
function otherUrls({ endpoints }: Outputs): readonly string[] {
  const urls: readonly unknown[] = Array.isArray(endpoints) ? endpoints : [];
  return urls.slice(1).filter((url) => typeof url === "string");
}

function stackEndpoint(stack: string, outputs: Outputs): Endpoint {
  const text = (name: string): string => {
    const value = outputs[name];
    if (typeof value === "string") return value;
    throw new UserError(
      EXIT.usage,
      `stack ${stack} has no output ${name}; did its last \`up\` come to its end? (${typed("start")}, or pulumi up)`,
    );
  };
  return {
    url: text("clientEndpoint"),
    tls: {
      ca: text("caCertificate"),
      certificate: text("clientCertificate"),
      key: text("clientKey"),
    },
  };
}

function backupOf({ snapshot }: Outputs): string | undefined {
  const file =
    typeof snapshot === "object" && snapshot !== null && "file" in snapshot
      ? snapshot.file
      : undefined;
  return typeof file === "string" ? file : undefined;
}

function restoredAtOf({ restoredAt }: Outputs): Date | undefined {
  const date = new Date(typeof restoredAt === "string" ? restoredAt : "");
  return Number.isNaN(date.getTime()) ? undefined : date;
}
