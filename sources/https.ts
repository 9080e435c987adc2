/** One object behind a link: `https://…`, also one with a signature. Only GET is used, since a signature is for one method. */
import type { IncomingMessage } from "node:http";
import { shownAddress } from "./address";
import { receiverOf } from "./reception";
import { reasonOf, SourceError } from "./source-error";
import { rangeHeader, streamOf, type OpenedObject, type Store, type StoredObject } from "./store";
import { openWeb } from "./web";

/** @param idleMs milliseconds without a byte until a connection counts as cut. Default: a minute */
export function openLink(link: URL, idleMs?: number): Store {
  const name = shownAddress(link.href);
  const web = openWeb(idleMs);
  const last = link.pathname.split("/").filter(Boolean).at(-1) ?? link.hostname;
  const credentials = authorization(link);
  const get = async (range: string, signal: AbortSignal | undefined, etag?: string) => {
    // A weak tag speaks of no byte (RFC 9110, 8.8.1).
    const match: Record<string, string> =
      etag?.startsWith('"') === true ? { "if-match": etag } : {};
    try {
      return await web.get(link, { range, ...match, ...credentials }, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof SourceError) throw error;
      throw new SourceError("environment", `${name} cannot be reached: ${reasonOf(error)}`);
    }
  };
  return {
    name,
    isAtomic: true,
    canReopen: true,
    isOne: true,
    nameOf: () => name,
    async *list(signal) {
      const { answer } = await get("bytes=0-0", signal);
      answer.destroy();
      const { total, etag } = await openedOf(answer, 0, name);
      yield objectOf(decoded(last), total, etag, answer.headers["last-modified"]);
    },
    async open(_path, range, { etag, signal } = {}) {
      const { answer } = await get(rangeHeader(range), signal, etag);
      const opened = await openedOf(answer, range.from, name);
      if (etag !== undefined && opened.etag !== undefined && opened.etag !== etag) {
        answer.destroy();
        throw changed(name);
      }
      return opened;
    },
    close: web.close,
  };
}

function objectOf(
  path: string,
  total: number | undefined,
  etag: string | undefined,
  modified: string | undefined,
): StoredObject {
  const date = new Date(modified ?? "");
  return {
    path,
    // A server that does not tell the length, and takes no ranges.
    bytes: total ?? NaN,
    modified: Number.isNaN(date.getTime()) ? undefined : date,
    etag,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function authorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const words = `${decoded(username)}:${decoded(password)}`;
  return { authorization: `Basic ${Buffer.from(words).toString("base64")}` };
}

/** What an answer says of the bytes in it. @throws SourceError when it has none */
async function openedOf(
  answer: IncomingMessage,
  from: number,
  name: string,
): Promise<OpenedObject> {
  const { statusCode = 0, headers } = answer;
  // A date does as a tag, where there is none: it is compared, and never sent back.
  const etag = headers.etag ?? headers["last-modified"];
  if (statusCode === 206) {
    const [, start, total] =
      /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers["content-range"] ?? "") ?? [];
    if (start === undefined || Number(start) !== from) {
      answer.destroy();
      throw new SourceError(
        "environment",
        `${name}: bytes from ${from} on were asked for, and the answer is of "${headers["content-range"] ?? ""}"`,
      );
    }
    return {
      bytes: answer,
      receive: receiverOf(answer),
      from,
      total: total === "*" ? undefined : Number(total),
      etag,
      inRanges: true,
    };
  }
  if (statusCode === 200) {
    const length = headers["content-length"];
    const total = length === undefined ? undefined : Number(length);
    const receive = receiverOf(answer);
    return { bytes: answer, receive, from: 0, total, etag, inRanges: false };
  }
  if (statusCode === 416) {
    answer.destroy();
    const total = /^bytes \*\/(\d+)$/.exec(headers["content-range"] ?? "")?.[1];
    return { bytes: streamOf([]), from, total: Number(total ?? 0), etag, inRanges: true };
  }
  if (statusCode === 412) {
    answer.destroy();
    throw changed(name);
  }
  throw refused(statusCode, await wordsOf(answer), name);
}

function refused(status: number, words: string, name: string): SourceError {
  const said = words === "" ? "" : ` ("${words}")`;
  const kind =
    status >= 400 && status < 500 && ![408, 425, 429].includes(status) ? "usage" : "environment";
  const meaning =
    status === 401 || status === 403
      ? "; the link may have expired, or its signature may not be for a GET: make another one"
      : status === 404 || status === 410
        ? "; there is no such backup, or no longer"
        : "";
  return new SourceError(kind, `${name} answers ${status}${said}${meaning}`);
}

function changed(name: string): SourceError {
  return new SourceError(
    "usage",
    `${name} is not the same any more as when it was first asked for: something was written to it. Try again`,
  );
}

const MOST_WORDS_BYTES = 4096;

/** What an error says: the message of an XML answer, the text of a page. */
async function wordsOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const part of answer) {
      text += (part as Buffer).toString("utf8");
      if (text.length > MOST_WORDS_BYTES) break;
    }
  } catch {
    // Its status has said enough.
  }
  const [code, message] = ["Code", "Message"].map(
    (tag) => new RegExp(`<${tag}>([^<]*)<`).exec(text)?.[1],
  );
  if (code !== undefined) return [code, message].filter(Boolean).join(": ").slice(0, 200);
  return text
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);
}
