/** The connection to an S3 store as AWS' own tools make it, and what its refusals mean. */
import * as fs from "node:fs";
import { rootCertificates } from "node:tls";
import type { S3Client } from "@aws-sdk/client-s3";
import { reasonOf, SourceError } from "./source-error";
import { openAgents } from "./web";

export type Sdk = typeof import("@aws-sdk/client-s3");
const CONNECT_MS = 10_000;
const IDLE_MS = 60_000;

/** @throws SourceError for authorities that cannot be read */
export function connect(): {
  readonly client: S3Client;
  readonly sdk: Sdk;
  readonly close: () => void;
} {
  const { env } = process;
  // It warns of a Node.js that we have chosen; our users can do nothing about that.
  env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- 22 MB, for those alone who have such a source
  const sdk = require("@aws-sdk/client-s3") as Sdk;
  const agents = openAgents(authorities(env.AWS_CA_BUNDLE));
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  const { region } = { region: env.AWS_REGION ?? env.AWS_DEFAULT_REGION };
  const url = new URL(
    endpoint !== undefined && URL.canParse(endpoint) ? endpoint : "https://s3.amazonaws.com",
  );
  const client = new sdk.S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region !== undefined ? { region } : endpoint === undefined ? {} : { region: "us-east-1" }),
    // Names of buckets as host names are AWS' own; its own take both.
    forcePathStyle: true,
    followRegionRedirects: true,
    // The newest checksums are refused by older stores.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      [url.protocol === "http:" ? "httpAgent" : "httpsAgent"]: agents.for(url),
    },
  });
  return {
    client,
    sdk,
    close() {
      client.destroy();
      agents.close();
    },
  };
}

/** Those that AWS' tools take besides: `AWS_CA_BUNDLE`. */
function authorities(file: string | undefined): readonly string[] | undefined {
  if (file === undefined || file === "") return undefined;
  try {
    return [...rootCertificates, fs.readFileSync(file, "utf8")];
  } catch (error) {
    throw new SourceError("usage", `AWS_CA_BUNDLE, ${file}: ${reasonOf(error)}`);
  }
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return undefined;
  const { $metadata: about } = error;
  if (typeof about !== "object" || about === null || !("httpStatusCode" in about)) return undefined;
  return typeof about.httpStatusCode === "number" ? about.httpStatusCode : undefined;
}

export function isStatus(error: unknown, status: number): boolean {
  return statusOf(error) === status;
}

const CREDENTIALS =
  "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL where it is not AWS)";

/** An error of the SDK in words; nothing of a request's own, which holds a signature. */
export function refused(error: unknown, name: string, bucket: string): Error {
  if (error instanceof SourceError) return error;
  const { name: code = "", message = "" } = error instanceof Error ? error : {};
  const status = statusOf(error);
  const usage = (words: string) => new SourceError("usage", `${name}: ${words}`);
  if (/Credentials|TokenProvider|SSO/.test(code))
    return usage(`no credentials were found: ${CREDENTIALS}`);
  if (message.includes("Region is missing")) return usage("no region is known: set AWS_REGION");
  if (code === "NoSuchBucket")
    return usage(
      `there is no bucket ${bucket}; look at its name, and at AWS_ENDPOINT_URL where it is not AWS`,
    );
  if (code === "NoSuchKey" || code === "NotFound" || status === 404)
    return usage("there is no such object");
  if (code === "PreconditionFailed" || status === 412)
    return usage("it changed since it was listed; try again");
  if (code === "InvalidObjectState")
    return usage("it lies in an archive and must be restored first");
  if (["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"].includes(code)) {
    return usage(`the store does not accept these credentials (${code}): ${CREDENTIALS}`);
  }
  if (status === 403 || status === 401) {
    return usage(
      `access is denied (${code}); reading needs s3:ListBucket on ${bucket} and s3:GetObject on what lies in it`,
    );
  }
  const answered = status === undefined ? "cannot be reached" : `answers ${status}`;
  return new SourceError("environment", `${name} ${answered}: ${reasonOf(error)}`);
}
