/**
 * `s3://BUCKET/PREFIX`: AWS, MinIO, Ceph and all that speak as they do. Credentials, region and endpoint come from where
 * AWS' own tools take them: the environment, ~/.aws, the machine's role.
 */
import * as fs from "node:fs";
import { rootCertificates } from "node:tls";
import type { S3Client } from "@aws-sdk/client-s3";
import { reasonOf, SourceError } from "./source-error";
import { streamOf, type OpenedObject, type Store, type StoredObject } from "./store";
import { openAgents } from "./web";

type Sdk = typeof import("@aws-sdk/client-s3");
const CONNECT_MS = 10_000;
const IDLE_MS = 60_000;
/** Classes of storage out of which an object must be thawed first. */
const FROZEN = ["GLACIER", "DEEP_ARCHIVE"];

/** @param prefix an object's name, or what the names begin with */
export function openS3(bucket: string, prefix: string): Store {
  const name = `s3://${bucket}/${prefix}`;
  const { client, sdk, close } = connect();
  let base: string | undefined;
  let isOne = false;
  const keyOf = (path: string): string => (isOne ? prefix : `${base ?? folderOf(prefix)}${path}`);
  const nameOf = (path: string): string => `s3://${bucket}/${keyOf(path)}`;
  const asking = async <T>(
    what: string,
    ask: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      throw refused(error, what, bucket);
    }
  };
  return {
    name,
    isAtomic: true,
    canReopen: true,
    get isOne() {
      return isOne;
    },
    nameOf,
    async *list(signal) {
      const found = await asking(
        name,
        () => listBelow(sdk, client, bucket, prefix, signal),
        signal,
      );
      ({ base, isOne } = found);
      yield* found.objects;
    },
    async open(path, { from, to }, { etag, signal } = {}) {
      const shown = nameOf(path);
      const request = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: keyOf(path),
        Range: `bytes=${from}-${to === undefined ? "" : to - 1}`,
        ...(etag !== undefined && { IfMatch: etag }),
      });
      let answer;
      try {
        answer = await client.send(request, signal && { abortSignal: signal });
      } catch (error) {
        signal?.throwIfAborted();
        // Nothing begins at the end of an object, nor in an empty one.
        if (isStatus(error, 416)) return { bytes: streamOf([]), from, etag, inRanges: true };
        throw refused(error, shown, bucket);
      }
      return openedOf(answer, shown, etag);
    },
    async notes(path, signal) {
      const shown = nameOf(path);
      const request = new sdk.HeadObjectCommand({ Bucket: bucket, Key: keyOf(path) });
      const { Metadata: notes = {} } = await asking(
        shown,
        () => client.send(request, signal && { abortSignal: signal }),
        signal,
      );
      return Object.fromEntries(
        Object.entries(notes).map(([key, value]) => [key.toLowerCase(), value]),
      );
    },
    close,
  };
}

function connect(): { readonly client: S3Client; readonly sdk: Sdk; readonly close: () => void } {
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

interface Below {
  /** What the names of all begin with. */
  readonly base: string;
  readonly isOne: boolean;
  readonly objects: readonly StoredObject[];
}

/** The object of that name; else what lies below it as in a folder; else all whose names begin so. */
async function listBelow(
  sdk: Sdk,
  client: S3Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<Below> {
  const all: StoredObject[] = [];
  for (let after: string | undefined, more = true; more;) {
    const page = await client.send(
      new sdk.ListObjectsV2Command({
        ...{ Bucket: bucket, Prefix: prefix, EncodingType: "url" },
        ...(after !== undefined && { ContinuationToken: after }),
      }),
      signal && { abortSignal: signal },
    );
    const key = (text: string): string =>
      page.EncodingType === "url" ? decodeURIComponent(text.replaceAll("+", " ")) : text;
    for (const { Key, Size = 0, LastModified, ETag, StorageClass } of page.Contents ?? []) {
      if (Key === undefined) continue;
      const frozen = FROZEN.find((name) => name === StorageClass);
      all.push({
        ...{ path: key(Key), bytes: Size, modified: LastModified, etag: ETag },
        unreadable:
          frozen === undefined
            ? undefined
            : `it lies in ${frozen}, out of which it must be restored first (aws s3api restore-object)`,
      });
    }
    after = page.NextContinuationToken;
    more = page.IsTruncated === true && after !== undefined;
  }
  return below(prefix, all);
}

/** Of what begins with a prefix: that which is meant by it. */
export function below(prefix: string, all: readonly StoredObject[]): Below {
  const one = prefix === "" ? undefined : all.find(({ path }) => path === prefix);
  if (one !== undefined && !prefix.endsWith("/")) {
    const path = prefix.slice(prefix.lastIndexOf("/") + 1);
    return { base: prefix.slice(0, -path.length), isOne: true, objects: [{ ...one, path }] };
  }
  const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const inFolder = all.filter(({ path }) => path.startsWith(folder));
  const base = inFolder.length > 0 ? folder : folderOf(prefix);
  const objects = (inFolder.length > 0 ? inFolder : all).map((object) => ({
    ...object,
    path: object.path.slice(base.length),
  }));
  return { base, isOne: false, objects };
}

function folderOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf("/") + 1);
}

interface Answer {
  readonly Body?: unknown;
  readonly ContentRange?: string | undefined;
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
}

function openedOf(answer: Answer, name: string, etag: string | undefined): OpenedObject {
  const { Body: body, ContentRange: range, ContentLength: length, ETag: found } = answer;
  if (!isBytes(body)) throw new SourceError("environment", `${name}: the answer has no content`);
  if (etag !== undefined && found !== undefined && bare(found) !== bare(etag)) {
    throw new SourceError("usage", `${name} changed since it was listed; try again`);
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range ?? "") ?? [];
  return start === undefined
    ? { bytes: body, from: 0, total: length, etag: found, inRanges: false }
    : {
        bytes: body,
        from: Number(start),
        total: Number(total),
        etag: found ?? etag,
        inRanges: true,
      };
}

/** Some stores forget the quotes in one of their answers. */
function bare(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}

function isBytes(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return undefined;
  const { $metadata: about } = error;
  if (typeof about !== "object" || about === null || !("httpStatusCode" in about)) return undefined;
  return typeof about.httpStatusCode === "number" ? about.httpStatusCode : undefined;
}

function isStatus(error: unknown, status: number): boolean {
  return statusOf(error) === status;
}

const CREDENTIALS =
  "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL where it is not AWS)";

/** An error of the SDK in words; nothing of a request's own, which holds a signature. */
function refused(error: unknown, name: string, bucket: string): Error {
  if (error instanceof SourceError) return error;
  const { name: code = "", message = "" } = error instanceof Error ? error : {};
  const status = statusOf(error);
  const usage = (words: string) => new SourceError("usage", `${name}: ${words}`);
  if (/Credentials|TokenProvider|SSO/.test(code))
    return usage(`no credentials were found: ${CREDENTIALS}`);
  if (message.includes("Region is missing")) return usage("no region is known: set AWS_REGION");
  if (code === "NoSuchBucket") return usage(`there is no bucket ${bucket}`);
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
