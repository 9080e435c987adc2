/** What the Pulumi CLI is told by its environment, and the files that it gets from us. */

import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import type { EngineOptions } from "../engine";
import { mergedStackFile, readProject, StackConfigError } from "../stack-config";

/** Files of one stack, in a folder of its own under `workDir`. */
export interface CliFiles {
  readonly folder: string;
  readonly backend: string;
  readonly passphrase: string;
  /** Stack settings that the CLI reads in place of the user's file, which stays as it is. */
  readonly config: string;
}

export function cliFiles({ workDir, stack }: EngineOptions): CliFiles {
  const folder = path.resolve(workDir, `${stack}.pulumi`);
  return {
    folder,
    backend: path.join(folder, "backend"),
    passphrase: path.join(folder, "passphrase"),
    config: path.join(folder, `Pulumi.${stack}.yaml`),
  };
}

/** Whether the user's environment says where stacks are kept. */
export function hasOwnBackend(env: NodeJS.ProcessEnv): boolean {
  return [env.PULUMI_BACKEND_URL, env.PULUMI_ACCESS_TOKEN].some((value) => (value ?? "") !== "");
}

/**
 * Variables for the CLI beside the user's own. Who has not said where stacks are kept gets a backend and a passphrase
 * in our folder, and needs no account.
 */
export function cliEnvironment(
  env: NodeJS.ProcessEnv,
  files: CliFiles,
): Readonly<Record<string, string>> {
  const always = { PULUMI_SKIP_UPDATE_CHECK: "true" };
  if (hasOwnBackend(env)) return always;
  const hasPassphrase =
    env.PULUMI_CONFIG_PASSPHRASE !== undefined || (env.PULUMI_CONFIG_PASSPHRASE_FILE ?? "") !== "";
  return {
    ...always,
    PULUMI_BACKEND_URL: pathToFileURL(files.backend).href,
    ...(!hasPassphrase && { PULUMI_CONFIG_PASSPHRASE_FILE: files.passphrase }),
  };
}

/** Makes the folder with what the CLI wants to find there. */
export function prepareFiles(options: EngineOptions, files: CliFiles): void {
  fs.mkdirSync(files.backend, { recursive: true, mode: 0o700 });
  if (!fs.existsSync(files.passphrase)) {
    fs.writeFileSync(files.passphrase, `${crypto.randomBytes(24).toString("base64")}\n`, {
      mode: 0o600,
    });
  }
  const before = fs.existsSync(files.config) ? fs.readFileSync(files.config, "utf8") : "";
  fs.writeFileSync(files.config, configCopy(options, before), { mode: 0o600 });
}

/**
 * The stack's settings with `options.config` over them. The salt that the CLI has put into the copy before is kept, so
 * that the state is not encrypted anew every time.
 */
export function configCopy(options: EngineOptions, before: string): string {
  const project = readProject(options.projectDir);
  const secret = Object.keys(options.config ?? {}).filter(
    (key) => project.declared.get(key)?.secret,
  );
  if (secret.length > 0) {
    throw new StackConfigError(
      `${secret.join(", ")} is a secret: set it with \`pulumi config set --secret\` and not on the command line`,
    );
  }
  const merged = parse(mergedStackFile(options, project)) as Readonly<Record<string, unknown>>;
  const { encryptionsalt } = (parse(before) ?? {}) as { readonly encryptionsalt?: string };
  return stringify({ ...(encryptionsalt !== undefined && { encryptionsalt }), ...merged });
}

/**
 * Does `work` and puts the user's file back as it was: `stack init` writes a salt into it, and nobody wants to find a
 * changed file of the repository after a trial run.
 */
export async function keepingFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  const before = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
  try {
    return await work();
  } finally {
    const after = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
    if (before === undefined) fs.rmSync(file, { force: true });
    else if (after === undefined || !before.equals(after)) fs.writeFileSync(file, before);
  }
}
