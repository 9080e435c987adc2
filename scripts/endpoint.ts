/** Which running etcd a command speaks to: from its flags, or from the outputs of a stack. */
import * as fs from "node:fs";
import * as path from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { Endpoint } from "../etcd/client/endpoint";
import { labEngine, type LabOptions } from "./lab";
import { EXIT, UserError } from "./outcome";

/** The flags that name an etcd. */
export type EndpointOptions = Pick<LabOptions, "engine" | "config"> & {
  readonly stack?: string;
  readonly endpoint?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
  readonly passwordStdin?: boolean;
};

/**
 * The endpoint that the flags or the stack name, with what its TLS and authentication need.
 * @throws UserError unless exactly one of the two is named
 */
export async function findEndpoint(
  options: EndpointOptions,
  signal: AbortSignal,
): Promise<Endpoint> {
  if ((options.stack === undefined) === (options.endpoint === undefined)) {
    throw new UserError(EXIT.usage, "which etcd? Give either --endpoint URL or --stack NAME");
  }
  const password =
    options.passwordStdin === true ? (await readAll(process.stdin)).trimEnd() : undefined;
  const login = {
    ...(options.user === undefined ? {} : { username: options.user }),
    ...(password === undefined ? {} : { password }),
  };
  if (options.endpoint === undefined) {
    return { ...(await stackEndpoint(options, signal)), ...login };
  }
  const { cacert, cert, key } = options;
  if (cacert === undefined && cert === undefined && key === undefined) {
    return { url: options.endpoint, ...login };
  }
  if (cacert === undefined || cert === undefined || key === undefined) {
    throw new UserError(
      EXIT.usage,
      "--cacert, --cert and --key go together; one of them is missing",
    );
  }
  const tls = { ca: readPem(cacert), certificate: readPem(cert), key: readPem(key) };
  return { url: options.endpoint, tls, ...login };
}

async function stackEndpoint(options: EndpointOptions, signal: AbortSignal): Promise<Endpoint> {
  const outputs = await labEngine({ ...options, quiet: true, signal }).outputs();
  const text = (name: string): string => {
    const value = outputs[name]?.value;
    if (typeof value === "string") return value;
    throw new UserError(
      EXIT.usage,
      `stack ${String(options.stack)} has no output ${name}; is it up? (npm start, or pulumi up)`,
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

function readPem(file: string): string {
  try {
    return fs.readFileSync(path.resolve(file), "utf8");
  } catch (error) {
    throw new UserError(EXIT.usage, `cannot read ${file}: ${(error as Error).message}`);
  }
}
