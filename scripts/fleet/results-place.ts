/** Where results are kept: a folder of this computer, or the names in an S3 bucket that begin with a prefix. */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { isRemote, parseAddress, shownAddress } from "../../sources/address";
import { openBucket } from "../../sources/bucket";
import { messageOfError } from "../errors";
import { EXIT, UserError } from "../outcome";
import { endingOf, parseResult, type Result } from "./result";

export interface ResultsPlace {
  readonly name: string;
  /** Names of all that lie there, in no order. */
  names(signal: AbortSignal): Promise<readonly string[]>;
  read(name: string, signal: AbortSignal): Promise<string>;
  /** Whole or not at all; one of the same name is replaced. @returns its full name */
  write(name: string, text: string): Promise<string>;
  close(): void;
}

/** @throws UserError for what nothing can be written to; SourceError */
export function openResults(word: string): ResultsPlace {
  if (!isRemote(word)) return openFolder(path.resolve(word));
  const address = parseAddress(word);
  if (address.kind === "s3") {
    return openBucket(address.container, address.prefix);
  }
  throw new UserError(
    EXIT.usage,
    `${shownAddress(word)}: results are kept in a folder or in s3://BUCKET/PREFIX`,
  );
}

function openFolder(folder: string): ResultsPlace {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fs.accessSync(folder, fs.constants.W_OK);
  } catch (error) {
    throw new UserError(
      EXIT.environment,
      `no results can be kept in ${folder} (${messageOfError(error)}); name another folder with --results`,
    );
  }
  return {
    name: folder,
    names: async () => await fs.promises.readdir(folder),
    read: async (name) => await fs.promises.readFile(path.join(folder, name), "utf8"),
    async write(name, text) {
      const file = path.join(folder, name);
      const unfinished = path.join(folder, `.${name}.${randomUUID()}`);
      try {
        // A report names keys: for its owner alone.
        await fs.promises.writeFile(unfinished, text, { mode: 0o600, flag: "wx", flush: true });
        await fs.promises.rename(unfinished, file);
      } catch (error) {
        fs.rmSync(unfinished, { force: true });
        throw error;
      }
      return file;
    },
    close: () => undefined,
  };
}

/** What was found out before, and by which object. */
export interface Earlier {
  readonly file: string;
  readonly identity: string;
  readonly verdict: Result["verdict"];
  readonly exitCode: number;
  readonly seconds: number;
  readonly reason?: string | undefined;
}

/** Results that are there already, for whoever would do the same again. */
export interface EarlierResults {
  /** Those of a policy that are not too old, and not of a failure of the environment, which may pass this time. */
  of(policy: string): Promise<readonly Earlier[]>;
}

/** @param againAfter seconds; what was found out before that is found out again */
export async function earlierResults(
  place: ResultsPlace,
  againAfter: number,
  signal: AbortSignal,
): Promise<EarlierResults> {
  const byEnding = new Map<string, string[]>();
  for (const name of await place.names(signal)) {
    const ending = /\.[0-9a-f]{12}\.[^/]*\.json$/.exec(name)?.[0];
    if (ending !== undefined) byEnding.set(ending, [...(byEnding.get(ending) ?? []), name]);
  }
  return {
    async of(policy) {
      const since = Date.now() - againAfter * 1000;
      const found: Earlier[] = [];
      for (const file of byEnding.get(endingOf(policy)) ?? []) {
        const result = await readAgain(place, file, signal);
        const identity = result?.object?.identity;
        if (result === undefined || identity === undefined) continue;
        if (result.policy !== policy || Date.parse(result.endedAt) < since) continue;
        if (result.exitCode === EXIT.environment) continue;
        const { verdict, exitCode, seconds, reason } = result;
        found.push({ file, identity, verdict, exitCode, seconds, reason });
      }
      return found;
    },
  };
}

/** One that cannot be read, as after a full disk, is found out again. */
async function readAgain(
  place: ResultsPlace,
  name: string,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const text = await place.read(name, signal);
  try {
    return parseResult(text);
  } catch {
    return undefined;
  }
}
