/**
 * `swift://CONTAINER/PREFIX`: OpenStack's object store, with the log-in that OpenStack's own tools use (`OS_CLOUD`, or
 * `OS_*`). A segmented object (DLO, SLO) is read whole: the store puts it together.
 */
import type { IncomingHttpHeaders } from "node:http";
import * as z from "zod";
import { findCredentials } from "../openstack/credentials";
import { openSession, OpenStackError, type Session } from "../openstack/session";
import { below } from "./s3";
import { SourceError } from "./source-error";
import { rangeHeader, streamOf, type OpenedObject, type Store, type StoredObject } from "./store";

const PAGE = 10_000;
/** As many manifests are asked for their size at one time. */
const AT_ONCE = 8;

const Entries = z.array(
  z.object({
    name: z.string().optional(),
    bytes: z.number().default(0),
    hash: z.string().optional(),
    /** UTC, without saying so. */
    last_modified: z.string().optional(),
    slo_etag: z.string().optional(),
    subdir: z.string().optional(),
  }),
);
type Entry = z.infer<typeof Entries>[number];

/** @param prefix an object's name, or what the names begin with */
export function openSwift(container: string, prefix: string): Store {
  const name = `swift://${container}/${prefix}`;
  const { asking, headersOf, listAll } = createCalls(container);
  let base = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  let isOne = false;
  const keyOf = (path: string): string => (isOne ? prefix : `${base}${path}`);

  return {
    name,
    isAtomic: true,
    canReopen: true,
    get isOne() {
      return isOne;
    },
    nameOf: (path) => `swift://${container}/${keyOf(path)}`,
    async *list(signal) {
      const found = below(prefix, await listAll(prefix, signal));
      ({ base, isOne } = found);
      yield* found.objects;
    },
    async open(path, range, { etag, signal } = {}) {
      const key = keyOf(path);
      const shown = `swift://${container}/${key}`;
      const options = {
        headers: { range: rangeHeader(range), accept: "*/*" },
        ...(signal && { signal }),
      };
      try {
        const opening = (open: Session) =>
          open.open("object-store", pathOf(container, key), options);
        return openedOf(await asking(shown, opening, signal), range.from, shown, etag);
      } catch (error) {
        // Nothing begins at the end of an object, nor in an empty one.
        if (!(error instanceof OpenStackError) || error.status !== 416) throw error;
        return { bytes: streamOf([]), from: range.from, etag, inRanges: true };
      }
    },
    async notes(path, signal) {
      const headers = Object.entries(await headersOf(keyOf(path), signal));
      return Object.fromEntries(
        headers.flatMap(([header, value]) => {
          const key = /^x-object-meta-(.+)$/.exec(header)?.[1];
          return key === undefined || typeof value !== "string" ? [] : [[key, value]];
        }),
      );
    },
    close: () => undefined,
  };
}

function pathOf(container: string, key: string): string {
  return `/${[container, ...key.split("/")].map(encodeURIComponent).join("/")}`;
}

/** What is asked of a container, in one session. */
function createCalls(container: string) {
  let session: Promise<Session> | undefined;

  /** Asks with a token; with a new one when that has run out. */
  async function asking<T>(
    what: string,
    ask: (session: Session) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    for (let again = false; ; again = true) {
      session ??= openSession(findCredentials(process.env, process.cwd()), signal);
      try {
        return await ask(await session);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof OpenStackError)) throw error;
        if (error.status !== 401 || again) throw refused(error, what, container);
        session = undefined;
      }
    }
  }

  async function headersOf(key: string, signal?: AbortSignal): Promise<IncomingHttpHeaders> {
    const shown = `swift://${container}/${key}`;
    const options = { method: "HEAD" as const, ...(signal && { signal }) };
    const heading = (open: Session) => open.open("object-store", pathOf(container, key), options);
    const answer = await asking(shown, heading, signal);
    answer.stream.resume();
    return answer.headers;
  }

  /** Everything whose name begins so. */
  async function listAll(
    prefix: string,
    signal: AbortSignal | undefined,
  ): Promise<readonly StoredObject[]> {
    const name = `swift://${container}/${prefix}`;
    const all: Entry[] = [];
    for (let marker = ""; ;) {
      const query = new URLSearchParams({
        ...{ format: "json", limit: String(PAGE), prefix },
        ...(marker === "" ? {} : { marker }),
      });
      const path = `/${encodeURIComponent(container)}?${query.toString()}`;
      const listing = (open: Session) => open.request("object-store", path, signal && { signal });
      const page = Entries.parse((await asking(name, listing, signal)) ?? []);
      all.push(...page);
      marker = page.at(-1)?.name ?? "";
      if (page.length < PAGE || marker === "") break;
    }
    return sized(all, (key) => headersOf(key, signal));
  }

  return { asking, headersOf, listAll };
}

/** What is listed; a manifest has the size and the tag of what it puts together, and its list does not tell them. */
async function sized(
  entries: readonly Entry[],
  headersOf: (key: string) => Promise<IncomingHttpHeaders>,
): Promise<readonly StoredObject[]> {
  const objects: StoredObject[] = [];
  const waiting = entries[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const { name, bytes, hash, last_modified: written, slo_etag: slo } of waiting) {
      if (name === undefined) continue;
      const modified = written === undefined ? undefined : new Date(`${written}Z`);
      const isManifest = slo !== undefined || bytes === 0;
      if (!isManifest) {
        objects.push({ path: name, bytes, modified, etag: hash });
        continue;
      }
      const headers = await headersOf(name);
      const etag = headers.etag?.replace(/^"|"$/g, "");
      objects.push({ path: name, bytes: Number(headers["content-length"] ?? 0), modified, etag });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return objects;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly stream: AsyncIterable<Uint8Array>;
}

function openedOf(
  answer: Answer,
  from: number,
  name: string,
  etag: string | undefined,
): OpenedObject {
  const { status, headers, stream } = answer;
  const found = headers.etag?.replace(/^"|"$/g, "");
  if (etag !== undefined && found !== undefined && found !== etag) {
    throw new SourceError("usage", `${name} changed since it was listed; try again`);
  }
  if (status !== 206) {
    const total = Number(headers["content-length"]);
    return { bytes: stream, from: 0, total, etag: found, inRanges: false };
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers["content-range"] ?? "") ?? [];
  if (start === undefined || Number(start) !== from) {
    throw new SourceError(
      "environment",
      `${name}: bytes from ${from} on were asked for, others came`,
    );
  }
  return { bytes: stream, from, total: Number(total), etag: found, inRanges: true };
}

function refused(error: OpenStackError, name: string, container: string): Error {
  if (error.status === 416) return error;
  if (error.status === 404) {
    return new SourceError(
      "usage",
      name.endsWith(`${container}/`)
        ? `there is no container ${container} in this project`
        : `${name}: there is no such container or object`,
    );
  }
  if (error.status === 403) {
    return new SourceError(
      "usage",
      `${name}: reading is not allowed to this user (${error.message})`,
    );
  }
  return new SourceError("environment", `${name}: ${error.message}`);
}
