/** Which running etcd a command speaks to: from its flags, from the outputs of a stack, or the lab that runs. */
import * as fs from "node:fs";
import * as path from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { Endpoint } from "../etcd/client/endpoint";
import { EXIT, UserError } from "./outcome";
import { LOCAL_STACK } from "./project";
import { stackOutputs, type Outputs, type StackOptions } from "./stack";

/** The flags that name an etcd. */
export type EndpointOptions = StackOptions & {
  readonly endpoint?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
  readonly passwordStdin?: boolean;
};

/** An etcd, and the stack that it belongs to. */
export interface Target {
  readonly endpoint: Endpoint;
  /** Absent for an endpoint that was named by its URL. */
  readonly stack?: string;
  /** The backup that the stack was restored from, where it says so. */
  readonly backup?: string;
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
  const { cacert, cert, key, user } = options;
  const tls = options.endpoint === undefined ? undefined : tlsOf(cacert, cert, key);
  if (options.endpoint === undefined && [cacert, cert, key].some((file) => file !== undefined)) {
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
  if (options.endpoint !== undefined) {
    return {
      endpoint: { url: urlOf(options.endpoint), ...(tls === undefined ? {} : { tls }), ...login },
    };
  }
  const stack = options.stack ?? LOCAL_STACK;
  const outputs = await stackOutputs(options, signal);
  const backup = backupOf(outputs);
  return {
    endpoint: { ...stackEndpoint(stack, outputs), ...login },
    stack,
    ...(backup === undefined ? {} : { backup }),
  };
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new UserError(
      EXIT.usage,
      `--endpoint is ${JSON.stringify(text)}; it must be like https://HOST:PORT`,
    );
  }
  return text;
}

function tlsOf(
  cacert: string | undefined,
  cert: string | undefined,
  key: string | undefined,
): Endpoint["tls"] {
  if (cacert === undefined && cert === undefined && key === undefined) return undefined;
  if (cacert === undefined || cert === undefined || key === undefined) {
    throw new UserError(
      EXIT.usage,
      "--cacert, --cert and --key go together; one of them is missing",
    );
  }
  return { ca: readPem(cacert), certificate: readPem(cert), key: readPem(key) };
}

function stackEndpoint(stack: string, outputs: Outputs): Endpoint {
  const text = (name: string): string => {
    const value = outputs[name];
    if (typeof value === "string") return value;
    throw new UserError(
      EXIT.usage,
      `stack ${stack} has no output ${name}; did its last \`up\` come to its end? (npm start, or pulumi up)`,
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

function readPem(file: string): string {
  try {
    return fs.readFileSync(path.resolve(file), "utf8");
  } catch (error) {
    throw new UserError(EXIT.usage, `cannot read ${file}: ${(error as Error).message}`);
  }
}
