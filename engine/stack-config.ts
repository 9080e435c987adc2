/** The settings of a stack as `pulumi up` would give them to the program: Pulumi.yaml, Pulumi.<stack>.yaml, and what goes over them. */

import * as fs from "node:fs";
import * as path from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { readPlainText } from "../files/plain-file";
import { holdsCiphertext } from "./ciphertext";
import type { EngineOptions } from "./engine";

/** Settings that Pulumi itself would refuse. Meant for the user, as it stands. */
export class StackConfigError extends Error {}

const declaration = z.looseObject({
  type: z.string().optional(),
  secret: z.boolean().optional(),
  default: z.unknown().optional(),
  value: z.unknown().optional(),
});
type Declaration = z.infer<typeof declaration>;

const projectFile = z.looseObject({
  name: z.string().min(1),
  main: z.string().optional(),
  stackConfigDir: z.string().optional(),
  config: z.record(z.string(), z.unknown()).nullish(),
});

const stackFile = z.looseObject({ config: z.record(z.string(), z.unknown()).nullish() });

/** What a stack file says of the key of its secrets. */
export const KEY_FIELDS: ReadonlySet<string> = new Set([
  "encryptionsalt",
  "encryptedkey",
  "secretsprovider",
]);

export interface Project {
  readonly name: string;
  /** Absolute folder that the program runs in. */
  readonly programDir: string;
  /** File in it, or `.` for what its package.json names. */
  readonly entry: string;
  /** Settings that Pulumi.yaml declares, by full name (`project:key`). */
  readonly declared: ReadonlyMap<string, Declaration>;
}

/** Reads `Pulumi.yaml`; throws when there is none or it is no project. */
export function readProject(projectDir: string): Project {
  const file = projectFileOf(projectDir);
  if (!fs.existsSync(file))
    throw new Error(`no Pulumi project in ${projectDir}: Pulumi.yaml is missing`);
  const { name, main, config } = readYaml(file, projectFile);
  const declared = Object.entries(config ?? {}).map(
    ([key, given]) => [fullName(name, key), declarationOf(given)] as const,
  );
  return { name, declared: new Map(declared), ...programOf(projectDir, main) };
}

/** As Pulumi does it (`sdk/go/common/workspace`, `ProjectRuntimeInfo`): a file runs in its folder, a folder by its package.json. */
function programOf(
  projectDir: string,
  main: string | undefined,
): Pick<Project, "programDir" | "entry"> {
  const target = path.resolve(projectDir, main ?? ".");
  return fs.existsSync(target) && fs.statSync(target).isDirectory()
    ? { programDir: target, entry: "." }
    : { programDir: path.dirname(target), entry: path.basename(target) };
}

/** `key: value` in Pulumi.yaml is short for `key: { default: value }`. */
function declarationOf(given: unknown): Declaration {
  const parsed = declaration.safeParse(given);
  const isLong =
    parsed.success &&
    ["type", "default", "value", "secret", "description"].some((key) => key in parsed.data);
  return isLong ? parsed.data : { default: given };
}

function projectFileOf(projectDir: string): string {
  return path.join(projectDir, "Pulumi.yaml");
}

export function stackFileOf({
  projectDir,
  stack,
  stackFile = path.join(projectDir, `Pulumi.${stack}.yaml`),
}: Pick<EngineOptions, "projectDir" | "stack" | "stackFile">): string {
  return stackFile;
}

/**
 * The stack file's settings with `options.config` over them, by full name. A text for a setting that is declared
 * as an array or an object is read as JSON.
 */
export function givenConfig(
  options: EngineOptions,
  project: Project,
): ReadonlyMap<string, unknown> {
  const file = stackFileOf(options);
  const stack = fs.existsSync(file) ? readYaml(file, stackFile) : {};
  const given = new Map<string, unknown>();
  for (const [key, value] of Object.entries(stack.config ?? {})) {
    given.set(fullName(project.name, key), value);
  }
  for (const [key, text] of Object.entries(options.config ?? {})) {
    const name = fullName(project.name, key);
    given.set(name, structured(name, project.declared.get(name)?.type, text));
  }
  return given;
}

function structured(name: string, type: string | undefined, text: string): unknown {
  if (type !== "array" && type !== "object") return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new StackConfigError(
      `${name} is of type ${type} and must be given as JSON; given is ${text}`,
    );
  }
}

/**
 * The stack file with `options.config` in it, for a copy that the Pulumi CLI is given instead.
 *
 * @param withKey what the file says of the key of its secrets belongs to the stack, and is taken over.
 * @throws StackConfigError for a value that cannot be decrypted without that key.
 */
export function mergedStackFile(
  options: EngineOptions,
  project: Project,
  withKey: boolean,
): Readonly<Record<string, unknown>> {
  const file = stackFileOf(options);
  const stack = fs.existsSync(file) ? readYaml(file, stackFile) : {};
  const given = givenConfig(options, project);
  if (!withKey) refuseSealed(given, options, "with the key of another stack, which is not read");
  const kept = Object.entries(stack).filter(([name]) => withKey || !KEY_FIELDS.has(name));
  return { ...Object.fromEntries(kept), config: Object.fromEntries(given) };
}

/** The text of Pulumi.yaml for a copy of it in another folder: the program is where it was. */
export function movedProjectFile(projectDir: string): string {
  const project = readYaml(projectFileOf(projectDir), projectFile);
  const main = path.resolve(projectDir, project.main ?? ".");
  return stringify({ ...project, main, stackConfigDir: undefined });
}

export interface ProgramConfig {
  /** By full name, as the SDK takes it from the environment. */
  readonly values: Readonly<Record<string, string>>;
  readonly secretKeys: readonly string[];
}

/** What is given, and the defaults of what is not; declared settings that have neither. */
export function withDefaults(options: EngineOptions, project: Project) {
  const merged = new Map(givenConfig(options, project));
  const missing: string[] = [];
  for (const [name, { default: byDefault, value }] of project.declared) {
    if (merged.has(name)) continue;
    const fallback = value ?? byDefault;
    if (fallback !== undefined && fallback !== null) merged.set(name, fallback);
    else if (name.startsWith(`${project.name}:`)) missing.push(name);
  }
  return { merged, missing };
}

/**
 * Everything that the program gets: what is given, and the defaults of what is not.
 *
 * @throws StackConfigError for a value that only the Pulumi CLI can decrypt, and for a declared setting that has
 * neither a value nor a default (which Pulumi refuses, too).
 */
export function programConfig(options: EngineOptions, project: Project): ProgramConfig {
  const { merged, missing } = withDefaults(options, project);
  if (missing.length > 0) {
    throw new StackConfigError(
      `stack ${options.stack} has no value for ${missing.join(", ")}: put it into ` +
        `${path.basename(stackFileOf(options))}, Pulumi.yaml has no default for it`,
    );
  }
  refuseSealed(merged, options, "so that only the Pulumi CLI can read it");
  refusePlainSecrets(merged, options, project);
  const values = [...merged].map(([name, value]) => [name, configText(value)] as const);
  const secretKeys = [...merged.keys()].filter((name) => project.declared.get(name)?.secret);
  return { values: Object.fromEntries(values), secretKeys };
}

/**
 * As the CLI does (`sdk/go/common/workspace/config.go`, `validateStackConfigValue`): what is declared as secret and typed may
 * stand in no file in clear, a default of Pulumi.yaml included. Only what is given beside the files may.
 */
function refusePlainSecrets(
  settings: ReadonlyMap<string, unknown>,
  options: EngineOptions,
  project: Project,
): void {
  const given = new Set(
    Object.keys(options.config ?? {}).map((key) => fullName(project.name, key)),
  );
  const plain = [...project.declared].filter(
    ([name, { secret, type }]) =>
      secret === true && type !== undefined && settings.has(name) && !given.has(name),
  );
  if (plain.length === 0) return;
  throw new StackConfigError(
    `${plain.map(([name]) => name).join(", ")} is declared as secret in Pulumi.yaml and stands in clear there or in ` +
      `${path.basename(stackFileOf(options))}: Pulumi refuses that. Take it out there (\`pulumi config set --secret\` ` +
      "encrypts it), or do not declare it as secret",
  );
}

function refuseSealed(
  settings: ReadonlyMap<string, unknown>,
  options: EngineOptions,
  why: string,
): void {
  const sealed = [...settings].filter(([, value]) => holdsCiphertext(value)).map(([name]) => name);
  if (sealed.length === 0) return;
  throw new StackConfigError(
    `${sealed.join(", ")} in ${path.basename(stackFileOf(options))} is encrypted (\`secure:\`) ${why}. ` +
      `Run \`pulumi up -s ${options.stack}\`, or give the value on the command line`,
  );
}

/** Pulumi hands every setting to the program as text: a structured one as JSON. */
export function configText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `key` is short for `project:key`; `project:config:key` is the old way to write it. */
function fullName(project: string, key: string): string {
  const parts = key.split(":");
  if (parts.length === 1) return `${project}:${key}`;
  return parts[1] === "config" ? [parts[0], ...parts.slice(2)].join(":") : key;
}

function readYaml<T>(file: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(parse(readPlainText(file)) ?? {});
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`${file} cannot be read: ${reason}`);
  }
}
