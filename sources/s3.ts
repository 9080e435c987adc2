/**
 * `s3://BUCKET/PREFIX`: AWS, MinIO, Ceph and all that speak as they do. Credentials, region and endpoint come from where
 * AWS' own tools take them: the environment, ~/.aws, the machine's role.
 */
import { IncomingMessage } from "node:http";
import type { S3Client } from "@aws-sdk/client-s3";
import { receiverOf } from "./reception";
import { connect, isStatus, refused, type Sdk } from "./s3-client";
import { SourceError } from "./source-error";
import { rangeHeader, streamOf, type OpenedObject, type Store, type StoredObject } from "./store";

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
  const asking = async <T>(what: string, ask: () => Promise<T>, signal?: AbortSignal) =>
    ask().catch((error: unknown) => {
      signal?.throwIfAborted();
      throw refused(error, what, bucket);
    });
  return {
    name,
    isAtomic: true,
    canReopen: true,
    get isOne() {
      return isOne;
    },
    nameOf,
    async *list(signal) {
      const listing = () => listBelow(sdk, client, bucket, prefix, signal);
      const found = await asking(name, listing, signal);
      ({ base, isOne } = found);
      yield* found.objects;
    },
    async open(path, range, { etag, signal } = {}) {
      const shown = nameOf(path);
      const request = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: keyOf(path),
        Range: rangeHeader(range),
        ...(etag !== undefined && { IfMatch: etag }),
      });
      let answer;
      try {
        answer = await client.send(request, signal && { abortSignal: signal });
      } catch (error) {
        signal?.throwIfAborted();
        // Nothing begins at the end of an object, nor in an empty one.
        if (isStatus(error, 416))
          return { bytes: streamOf([]), from: range.from, etag, inRanges: true };
        throw refused(error, shown, bucket);
      }
      return openedOf(answer, shown, etag);
    },
    async notes(path, signal) {
      const shown = nameOf(path);
      const request = new sdk.HeadObjectCommand({ Bucket: bucket, Key: keyOf(path) });
      const heading = () => client.send(request, signal && { abortSignal: signal });
      const { Metadata: notes = {} } = await asking(shown, heading, signal);
      return withLowerNames(notes);
    },
    close,
  };
}

/** S3's own form of the names of metadata; some stores give them as they were written. */
function withLowerNames(notes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(notes).map(([key, value]) => [key.toLowerCase(), value]),
  );
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
  const receive = body instanceof IncomingMessage ? receiverOf(body) : undefined;
  return start === undefined
    ? { bytes: body, receive, from: 0, total: length, etag: found, inRanges: false }
    : {
        bytes: body,
        receive,
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
