/** Files among the inputs: what counts of them is their content. */

import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { pipeline } from "node:stream/promises";
import { ARCHIVE, ASSET, hasMark, isObject, mapProperties } from "./values";
import type { Properties, Value } from "./values";

/** The inputs with the SHA-256 of every asset in it, as Pulumi keeps them; throws for a file that is not there and for archives. */
export async function withHashes(inputs: Properties, projectDir: string): Promise<Properties> {
  const entries = await Promise.all(
    Object.entries(inputs).map(
      async ([key, value]) => [key, await hashed(value, projectDir)] as const,
    ),
  );
  return Object.fromEntries(entries);
}

async function hashed(value: Value, projectDir: string): Promise<Value> {
  if (Array.isArray(value)) {
    return await Promise.all(value.map((item: Value) => hashed(item, projectDir)));
  }
  if (!isObject(value)) return value;
  if (hasMark(value, ARCHIVE))
    throw new Error("the embedded engine does not do archives; use the Pulumi CLI");
  if (!hasMark(value, ASSET)) return await withHashes(value, projectDir);
  const hash = crypto.createHash("sha256");
  if (typeof value.path === "string") {
    await pipeline(fs.createReadStream(path.resolve(projectDir, value.path)), hash);
  } else if (typeof value.text === "string") {
    hash.end(value.text);
  } else {
    throw new Error("the embedded engine does assets of files and texts only; use the Pulumi CLI");
  }
  const digest: Value = (hash.read() as Buffer).toString("hex");
  return { ...mapProperties(value, (item) => item), hash: digest };
}
