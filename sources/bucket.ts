/** `s3://BUCKET/PREFIX` as a place where results are kept: besides a history (`shared-object.ts`) all that we write to a store. */
import { connect, refused } from "./s3-client";

/** Objects whose names begin with a prefix, by the rest of their names. */
export interface Bucket {
  readonly name: string;
  names(signal: AbortSignal): Promise<readonly string[]>;
  read(name: string, signal: AbortSignal): Promise<string>;
  /** One of the same name is replaced. @returns its full name */
  write(name: string, text: string): Promise<string>;
  close(): void;
}

/** Credentials come from where AWS' own tools take them. @throws SourceError, as all that it can do */
export function openBucket(bucket: string, prefix: string): Bucket {
  const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const place = `s3://${bucket}/${folder}`;
  const { client, sdk, close } = connect();
  const asking = async <T>(what: string, ask: Promise<T>, signal?: AbortSignal): Promise<T> => {
    try {
      return await ask;
    } catch (error) {
      signal?.throwIfAborted();
      throw refused(error, what, bucket);
    }
  };
  return {
    name: place,
    async names(signal) {
      const found: string[] = [];
      for (let after: string | undefined, more = true; more;) {
        const request = new sdk.ListObjectsV2Command({
          ...{ Bucket: bucket, Prefix: folder, EncodingType: "url" },
          ...(after !== undefined && { ContinuationToken: after }),
        });
        const page = await asking(place, client.send(request, { abortSignal: signal }), signal);
        for (const { Key = "" } of page.Contents ?? []) {
          const key =
            page.EncodingType === "url" ? decodeURIComponent(Key.replaceAll("+", " ")) : Key;
          found.push(key.slice(folder.length));
        }
        after = page.NextContinuationToken;
        more = page.IsTruncated === true && after !== undefined;
      }
      return found;
    },
    async read(name, signal) {
      const request = new sdk.GetObjectCommand({ Bucket: bucket, Key: folder + name });
      const shown = place + name;
      const { Body: body } = await asking(
        shown,
        client.send(request, { abortSignal: signal }),
        signal,
      );
      return (await asking(shown, Promise.resolve(body?.transformToString("utf8")), signal)) ?? "";
    },
    async write(name, text) {
      const request = new sdk.PutObjectCommand({
        ...{ Bucket: bucket, Key: folder + name, Body: text },
        ContentType: "application/json",
      });
      await asking(place + name, client.send(request));
      return place + name;
    },
    close,
  };
}
