/** A SOURCE as it is typed: what kind of place it is, and how it may be shown. */
import * as path from "node:path";
import { SourceError } from "./source-error";

/** A place where backups lie. */
export type Address =
  /** A file or folder of this computer. */
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "pipe" }
  | { readonly kind: "https"; readonly url: URL }
  | { readonly kind: "s3" | "swift"; readonly container: string; readonly prefix: string };

/** Whether a word is a SOURCE that is no path of this computer. */
export function isRemote(word: string): boolean {
  return word === "-" || /^[a-z][a-z0-9+.-]*:\/\//i.test(word);
}

/** What a named backup is called before it is opened: absolute, and without a signature. */
export function nameOfBackup(word: string): string {
  return isRemote(word) ? shownAddress(word) : path.resolve(word);
}

/** @throws SourceError (usage) for a scheme that is not known here, or what is no address of its kind */
export function parseAddress(word: string): Address {
  if (word === "-") return { kind: "pipe" };
  if (!isRemote(word)) return { kind: "path", path: word };
  const scheme = word.slice(0, word.indexOf(":")).toLowerCase();
  switch (scheme) {
    case "https":
    case "http":
      return { kind: "https", url: webAddress(word) };
    case "s3":
    case "swift":
      return { kind: scheme, ...container(scheme, word) };
    default:
      throw new SourceError(
        "usage",
        `${shownAddress(word)}: backups are read from a path, https://…, s3://BUCKET/PREFIX, swift://CONTAINER/PREFIX, ` +
          `or - (a pipe), not from ${scheme}://`,
      );
  }
}

function webAddress(word: string): URL {
  const url = URL.canParse(word) ? new URL(word) : undefined;
  if (url === undefined || url.hostname === "") {
    throw new SourceError("usage", `${shownAddress(word)} is no address of the web`);
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new SourceError(
      "usage",
      `${shownAddress(word)}: http:// would send a cluster's Secrets in clear; use https://`,
    );
  }
  return url;
}

/** What never leaves this computer needs no TLS. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

function container(scheme: string, word: string): { container: string; prefix: string } {
  const rest = word.slice(`${scheme}://`.length);
  const slash = rest.indexOf("/");
  const name = slash < 0 ? rest : rest.slice(0, slash);
  const prefix = slash < 0 ? "" : rest.slice(slash + 1);
  if (name === "" || /[@:?#\s]/.test(name)) {
    const what = scheme === "s3" ? "bucket" : "container";
    throw new SourceError(
      "usage",
      `${shownAddress(word)} names no ${what}; it must be ${scheme}://${what.toUpperCase()}/PREFIX. Credentials never ` +
        `stand in it: they come from the environment, as for ${scheme === "s3" ? "the AWS tools" : "the OpenStack tools"}`,
    );
  }
  return { container: name, prefix };
}

/**
 * An address as it may be shown: without user and password, and with `?…` for a query, which may be a signature.
 * Of a path, the path.
 */
export function shownAddress(word: string): string {
  if (word === "-") return "standard input";
  if (!isRemote(word)) return word;
  return word
    .replace(/[?#].*$/s, (query) => (query.length > 1 ? "?…" : ""))
    .replace(/^([^:]+:\/\/)[^/]*@/, "$1");
}
