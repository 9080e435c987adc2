import * as fs from "node:fs";
import * as path from "node:path";
import { EXIT, UserError } from "../../outcome";

/** The private key of `--sign-key`; undefined where none is given. */
export function readSignKey(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return fs.readFileSync(path.resolve(file), "utf8");
  } catch (error) {
    throw new UserError(EXIT.usage, `cannot read --sign-key ${file}: ${(error as Error).message}`);
  }
}
