/**
 * One S3 object that several write: each reads it, and writes it anew on the condition that it is still what was read
 * (If-Match with its ETag; If-None-Match where there was none). Who comes second is refused by the store, and reads again.
 *
 * A store that does not know these conditions takes every write, and of two at once one is lost unseen. So a write that must be
 * refused is tried first.
 */
import { connect, isStatus, refused } from "./s3-client";
import { SourceError } from "./source-error";

/** The object as it was read or written. */
export interface Kept {
  readonly text: string;
  /** Undefined for a store that gives none: it can be read, and not written. */
  readonly etag: string | undefined;
}

export interface SharedObject {
  readonly name: string;
  /** Undefined where there is no such object. @throws SourceError */
  read(): Promise<Kept | undefined>;
  /**
   * Writes the object if it is still what was read.
   * @param over what was read; undefined: there was none
   * @returns undefined when somebody else has written it, or removed it, since
   * @throws SourceError, also for a store that keeps to no conditions
   */
  write(text: string, over: Kept | undefined): Promise<Kept | undefined>;
  close(): void;
}

/** As an object's ETag may look, and none has: it would be the MD5 of some text. */
const NOBODYS_ETAG = `"${"0".repeat(32)}"`;
/** Some 100,000 lines of a history. */
const MOST_BYTES = 128 * 2 ** 20;

/** Credentials come from where AWS' own tools take them. @throws SourceError, as all that it can do */
export function openSharedObject(bucket: string, key: string): SharedObject {
  const name = `s3://${bucket}/${key}`;
  const { client, sdk, close } = connect();
  const where = { Bucket: bucket, Key: key };
  const told = (error: unknown): Error =>
    isStatus(error, 403) && !isAboutCredentials(error)
      ? new SourceError("usage", `${name}: access is denied; ${needed(bucket)}`)
      : refused(error, name, bucket);
  /** Its new ETag; undefined when the condition did not hold. */
  const put = async (text: string, condition: Condition): Promise<string | undefined> => {
    try {
      // Bytes: of an empty text the SDK would tell no length.
      const Body = Buffer.from(text);
      const request = { ...where, ...condition, Body, ContentType: "application/jsonl" };
      return (await client.send(new sdk.PutObjectCommand(request))).ETag ?? "";
    } catch (error) {
      if (isRefusedByCondition(error)) return undefined;
      if (isStatus(error, 501)) throw new SourceError("usage", `${name}: ${UNKNOWN}`);
      throw told(error);
    }
  };
  /** What must be refused, and would change nothing if it were not. */
  const tryRefused = async (text: string, condition: Condition): Promise<void> => {
    if ((await put(text, condition)) !== undefined) {
      throw new SourceError("usage", `${name}: ${IGNORED}`);
    }
  };
  let isTried = false;
  return {
    name,
    async read() {
      try {
        const answer = await client.send(new sdk.GetObjectCommand(where));
        const { Body: body, ETag: etag, ContentLength: length = 0 } = answer;
        if (length > MOST_BYTES) {
          throw new SourceError("usage", `${name} has ${length} bytes, more than any history`);
        }
        const bytes = (await body?.transformToByteArray()) ?? new Uint8Array();
        return { text: Buffer.from(bytes).toString("utf8"), etag };
      } catch (error) {
        if (isStatus(error, 404) && !isNoBucket(error)) return undefined;
        throw told(error);
      }
    },
    async write(text, over) {
      const condition = conditionOf(over);
      if (condition === undefined) throw new SourceError("usage", `${name}: ${UNKNOWN}`);
      if (!isTried) await tryRefused(over?.text ?? "", { IfMatch: NOBODYS_ETAG });
      isTried = true;
      const etag = await put(text, condition);
      if (etag === undefined) return undefined;
      if (over === undefined) await tryRefused(text, condition);
      return { text, etag };
    },
    close,
  };
}

type Condition = { readonly IfMatch: string } | { readonly IfNoneMatch: "*" };

/** That what was read is still there; undefined where nothing tells it from another. */
function conditionOf(over: Kept | undefined): Condition | undefined {
  if (over === undefined) return { IfNoneMatch: "*" };
  return over.etag === undefined ? undefined : { IfMatch: over.etag };
}

/** 409: another write was under way; 404: what should be replaced is gone. */
function isRefusedByCondition(error: unknown): boolean {
  return (
    isStatus(error, 412) || isStatus(error, 409) || (isStatus(error, 404) && !isNoBucket(error))
  );
}

function isNoBucket(error: unknown): boolean {
  return error instanceof Error && error.name === "NoSuchBucket";
}

function isAboutCredentials(error: unknown): boolean {
  const { name = "" } = error instanceof Error ? error : {};
  return ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"].includes(name);
}

function needed(bucket: string): string {
  return (
    `to read and write it needs s3:GetObject and s3:PutObject on it, and s3:ListBucket on ${bucket}, ` +
    "without which a store does not say that nothing lies there yet"
  );
}

const INSTEAD =
  "nothing is noted there; keep it in a file, or in a store that has conditional writes (If-Match, If-None-Match)";
const UNKNOWN = `this store does not know conditional writes, without which two drills at once would lose one's line: ${INSTEAD}`;
const IGNORED = `this store took a write whose condition did not hold, so of two drills at once it would lose one's line: ${INSTEAD}`;
