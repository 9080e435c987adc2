/** Files that the embedded engine keeps in its folder, one set for each stack. */

import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

export interface StackFiles {
  /** For `pulumi stack import --file`. */
  readonly state: string;
  /** For `PULUMI_CONFIG_PASSPHRASE_FILE`. */
  readonly passphrase: string;
  /** What was derived from that passphrase, see kept-key.ts. */
  readonly key: string;
  readonly lock: string;
}

export function stackFiles(workDir: string, stack: string): StackFiles {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(stack) || /^\.+$/.test(stack)) {
    throw new Error(
      `${JSON.stringify(stack)} cannot be a stack's name: up to 100 letters, digits, hyphens, underscores and dots`,
    );
  }
  const file = (ending: string): string => path.join(workDir, `${stack}.${ending}`);
  return {
    state: file("state.json"),
    passphrase: file("passphrase"),
    key: file("key"),
    lock: file("lock"),
  };
}

/** Replaces a file in one step, mode 0600, on the disk when this returns. */
export function writeFileSafely(file: string, content: string): void {
  const fresh = `${file}.new`;
  try {
    fs.writeFileSync(fresh, content, { mode: 0o600, flush: true });
    fs.renameSync(fresh, file);
  } catch (error) {
    fs.rmSync(fresh, { force: true }); // half a file on a full disk
    throw error;
  }
  const folder = fs.openSync(path.dirname(file), "r");
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

/**
 * The passphrases that a stack's secrets may have been written with, the likeliest first: that of the file beside the
 * state, what `PULUMI_CONFIG_PASSPHRASE` says, and the file in `PULUMI_CONFIG_PASSPHRASE_FILE`.
 */
export function passphrasesOf({ passphrase }: StackFiles): readonly string[] {
  const { PULUMI_CONFIG_PASSPHRASE: given, PULUMI_CONFIG_PASSPHRASE_FILE: file = "" } = process.env;
  return [
    ...(fs.existsSync(passphrase) ? [readLine(passphrase)] : []),
    ...(given === undefined ? [] : [given]),
    ...(file === "" ? [] : [readLine(file)]),
  ];
}

let made: string | undefined;

/**
 * Makes the passphrase of a stack that has neither a state nor one given. Never where there is a state: it would
 * be taken for the right one from then on. One process makes one: who makes many stacks one after the other (the drills of
 * a list) derives one key for all of them (passphrase.ts), which is a tenth of what a small drill costs.
 *
 * @param mayWrite false in a preview, whose passphrase is never used again.
 */
export function makePassphrase(files: StackFiles, mayWrite: boolean): string {
  made ??= crypto.randomBytes(24).toString("base64");
  if (mayWrite) writeFileSafely(files.passphrase, `${made}\n`);
  return made;
}

function readLine(file: string): string {
  return fs.readFileSync(file, "utf8").trim();
}
