/** The stack that is looked at, with its settings as `up` would read them. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { EngineOptions } from "../../../engine/engine";
import { findPulumiCli } from "../../../engine/pulumi-cli/find-cli";
import { readableConfig } from "../../../engine/readable-config";
import {
  programConfig,
  readProject,
  StackConfigError,
  stackFileOf,
  type Project,
} from "../../../engine/stack-config";
import { NAMESPACE } from "../../../settings/names";
import { readSettings, wrongSettings } from "../../../settings/read";
import { isRemote } from "../../../sources/address";
import { PROJECT_DIR } from "../../project";
import { stackSettings } from "../../stack-settings";
import { EXIT, UserError } from "../../outcome";
import { fail, notChecked, pass, problemsWith, type Check, type Subject } from "./check";

export interface SubjectOptions {
  readonly target?: "local" | "openstack";
  readonly stack?: string;
  /** The backup, instead of that of the settings. */
  readonly file?: string;
  /** Settings over those of the stack file, by full name. */
  readonly config: Readonly<Record<string, string>>;
}

/** The stacks that the project ships. */
const STACKS = { local: "local", openstack: "dev" } as const;

/**
 * Reads the settings of a stack as its program does; encrypted ones stay so. Without a stack it is the shipped one of the target, and
 * without a target that of the stack, else `local`.
 * @throws UserError when the stack has no file, or is of no target, or of another one than asked for.
 */
export function readSubject(options: SubjectOptions): Subject {
  const stack = options.stack ?? STACKS[options.target ?? "local"];
  const config = { ...options.config, ...namedBackup(options.file) };
  const engine = { ...wrongUse(() => stackSettings(stack, config)), workDir: "" };
  const file = stackFileOf(engine);
  if (!fs.existsSync(file)) {
    throw new UserError(
      EXIT.usage,
      `there is no ${file}: stack "${stack}" has no settings; \`pulumi stack init ${stack}\` and a copy of Pulumi.dev.yaml begin one`,
    );
  }
  const project = readProject(PROJECT_DIR);
  const { values, sealed } = wrongUse(() => readableConfig(engine, project));
  const short = sealed.map((name) => name.replace(`${NAMESPACE}:`, ""));
  const given = { get: (name: string) => values.get(`${NAMESPACE}:${name}`), sealed: short };
  // Of a part that is encrypted the setting.
  const names = [...values.keys(), ...sealed.map((name) => name.replace(/\..*$/, ""))];
  const { settings, problems } = readSettings(given, names, (text) => text, PROJECT_DIR);
  if (short.includes("target")) {
    throw new UserError(EXIT.usage, `target is encrypted in ${file}; give it with -c target=…`);
  }
  // What else there is to say depends on it.
  const [wrongTarget] = problemsWith({ problems }, "target");
  if (wrongTarget !== undefined) throw new UserError(EXIT.usage, wrongTarget);
  const { target } = settings;
  if (options.target !== undefined && options.target !== target) {
    throw new UserError(
      EXIT.usage,
      `stack "${stack}" has target ${target}, and --target is ${options.target}; name another --stack`,
    );
  }
  const refusal = target === "local" ? engineRefusal(engine, project) : undefined;
  return { stack, settings, problems, sealed: short, refusal };
}

/** As `start` has it in the settings: a backup that lies elsewhere is a file by the time that they are read. */
function namedBackup(file: string | undefined): Readonly<Record<string, string>> {
  if (file === undefined) return {};
  return { [`${NAMESPACE}:snapshot`]: isRemote(file) ? "fetched" : path.resolve(file) };
}

/** What the embedded engine says of settings that it does not even give to the program. */
function engineRefusal(engine: EngineOptions, project: Project): string | undefined {
  if (findPulumiCli() !== undefined) return undefined;
  try {
    programConfig(engine, project);
    return undefined;
  } catch (error) {
    if (error instanceof StackConfigError) return error.message;
    throw error;
  }
}

function wrongUse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof StackConfigError) throw new UserError(EXIT.usage, error.message);
    throw error;
  }
}

/** Whether `up` takes the settings, in its own words where it does not. */
export function settingsCheck({ stack, problems, sealed, refusal }: Subject): Check {
  const [id, title] = ["settings", "Settings"] as const;
  const wrong = problems.length === 0 ? undefined : wrongSettings(stack, problems);
  const refused = refusal ?? wrong;
  if (refused !== undefined) {
    const mend =
      "mend the stack's file, or give a setting with -c KEY=VALUE; docs/settings.md has them all";
    return fail(id, title, refused, mend);
  }
  if (sealed.length === 0) return pass(id, title, "each is known and as it may be");
  const which = sealed.join(", ");
  return notChecked(id, title, `${which}: encrypted, not looked at; the others are as they may be`);
}
