/**
 * What the Pulumi CLI is told by its environment, and the folder that it works in.
 *
 * It is run in a folder of ours, with a `Pulumi.yaml` that points to the program (`main`) and a stack file of its own
 * beside it. In the project's folder it would read and write the user's stack file: `stack init` and `up` put the salt
 * of a passphrase into it, and a salt that another stack's passphrase left there ends every run with "incorrect
 * passphrase". For `stack init` and `stack output` no flag names another file.
 */

import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import { writeFileSafely } from "../embedded/files";
import type { EngineOptions } from "../engine";
import { REFUSAL_FILE } from "../refusal";
import {
  KEY_FIELDS,
  mergedStackFile,
  movedProjectFile,
  readProject,
  StackConfigError,
} from "../stack-config";

/** Files of one stack, in a folder of its own under `workDir`. */
export interface CliFiles {
  /** What the CLI works in, and what holds the others. */
  readonly folder: string;
  readonly backend: string;
  readonly passphrase: string;
  readonly project: string;
  /** Stack settings that the CLI reads and writes in place of the user's file, which stays as it is. */
  readonly config: string;
  /** Where the program tells why it refuses. */
  readonly refusal: string;
  /** Beside the folder, which `destroy` removes. */
  readonly lock: string;
}

export function cliFiles({ workDir, stack }: EngineOptions): CliFiles {
  const folder = path.resolve(workDir, `${stack}.pulumi`);
  return {
    folder,
    backend: path.join(folder, "backend"),
    passphrase: path.join(folder, "passphrase"),
    project: path.join(folder, "Pulumi.yaml"),
    config: path.join(folder, `Pulumi.${stack}.yaml`),
    refusal: path.join(folder, "refusal.json"),
    lock: `${folder}.lock`,
  };
}

/** Whether the user's environment says where stacks are kept. */
export function hasOwnBackend(env: NodeJS.ProcessEnv): boolean {
  return [env.PULUMI_BACKEND_URL, env.PULUMI_ACCESS_TOKEN].some((value) => (value ?? "") !== "");
}

function hasPassphrase(env: NodeJS.ProcessEnv): boolean {
  return (
    env.PULUMI_CONFIG_PASSPHRASE !== undefined || (env.PULUMI_CONFIG_PASSPHRASE_FILE ?? "") !== ""
  );
}

/**
 * Variables for the CLI over the user's own; `undefined` takes one away. Who has not said where stacks are kept gets a
 * backend in our folder, and needs no account. A passphrase that was made for it goes before the user's own, which is
 * that of other stacks.
 */
export function cliEnvironment(
  env: NodeJS.ProcessEnv,
  files: CliFiles,
): Readonly<Record<string, string | undefined>> {
  const always = { PULUMI_SKIP_UPDATE_CHECK: "true", [REFUSAL_FILE]: files.refusal };
  if (hasOwnBackend(env)) return always;
  return {
    ...always,
    PULUMI_BACKEND_URL: pathToFileURL(files.backend).href,
    ...((fs.existsSync(files.passphrase) || !hasPassphrase(env)) && {
      PULUMI_CONFIG_PASSPHRASE: undefined,
      PULUMI_CONFIG_PASSPHRASE_FILE: files.passphrase,
    }),
  };
}

/**
 * Makes the folder with what the CLI wants to find there.
 * @throws Error when the stack's passphrase is gone: another one would lock it for good.
 */
export function prepareFiles(options: EngineOptions, files: CliFiles): void {
  fs.mkdirSync(files.backend, { recursive: true, mode: 0o700 });
  fs.rmSync(files.refusal, { force: true });
  if (!hasOwnBackend(process.env)) ensurePassphrase(files);
  writeFileSafely(files.project, movedProjectFile(options.projectDir));
  const before = fs.existsSync(files.config) ? fs.readFileSync(files.config, "utf8") : "";
  const config = configCopy(options, before, hasOwnBackend(process.env));
  if (config !== before) writeFileSafely(files.config, config);
}

function ensurePassphrase(files: CliFiles): void {
  if (hasPassphrase(process.env) || fs.existsSync(files.passphrase)) return;
  if (fs.readdirSync(files.backend).length > 0) {
    throw new Error(
      `the passphrase of the stack in ${files.backend} is not here: set PULUMI_CONFIG_PASSPHRASE or ` +
        `PULUMI_CONFIG_PASSPHRASE_FILE to the one that it was made with, or put ${files.passphrase} back`,
    );
  }
  writeFileSafely(files.passphrase, `${crypto.randomBytes(24).toString("base64")}\n`);
}

/**
 * The stack's settings with `options.config` over them. The salt that the CLI has put into the copy before is kept, so
 * that the state is not encrypted anew every time.
 *
 * @param isUsersStack the stack is kept where the user said: its key is that of the user's file.
 */
export function configCopy(options: EngineOptions, before: string, isUsersStack: boolean): string {
  const project = readProject(options.projectDir);
  const secret = Object.keys(options.config ?? {}).filter(
    (key) => project.declared.get(key)?.secret,
  );
  if (secret.length > 0) {
    throw new StackConfigError(
      `${secret.join(", ")} is a secret: set it with \`pulumi config set --secret\` and not on the command line`,
    );
  }
  const merged = mergedStackFile(options, project, isUsersStack);
  const known = (parse(before) ?? {}) as Readonly<Record<string, unknown>>;
  const key = Object.entries(known).filter(([name]) => KEY_FIELDS.has(name));
  return stringify({ ...Object.fromEntries(key), ...merged });
}
