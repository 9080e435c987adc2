/** The settings of a stack as an engine takes them: where its file is, and paths that hold wherever the program runs. */
import * as path from "node:path";
import { givenConfig, readProject } from "../engine/stack-config";
import { NAMESPACE } from "../settings/names";
import { SETTINGS, type Setting } from "../settings/settings";
import { isRemote } from "../sources/address";
import { homeDirectory, labDirectory, PROJECT_DIR, stackFile } from "./project";

/** Settings that name a file or a folder. */
const PATHS = Object.entries<Setting>(SETTINGS)
  .filter(([, setting]) => "isPath" in setting)
  .map(([name]) => `${NAMESPACE}:${name}`);

/** What an engine must know of a stack. */
export interface StackSettings {
  readonly projectDir: string;
  readonly stack: string;
  readonly stackFile: string;
  readonly config: Readonly<Record<string, string>>;
}

/**
 * The program takes a path as of its own folder. Where the settings lie in another one, a path is as of the file that has
 * it, or of the home where it was typed.
 * @param config settings over those of the stack's file, by full name
 */
export function stackSettings(
  stack: string,
  config: Readonly<Record<string, string>>,
): StackSettings {
  const file = stackFile(stack);
  const settings = { projectDir: PROJECT_DIR, stack, stackFile: file, config };
  const home = homeDirectory();
  if (home === PROJECT_DIR) return settings;
  const given = givenConfig({ ...settings, workDir: "" }, readProject(PROJECT_DIR));
  const paths = PATHS.flatMap((name) => {
    const value = given.get(name);
    if (typeof value !== "string" || value === "" || isRemote(value)) return [];
    return [[name, path.resolve(name in config ? home : path.dirname(file), value)] as const];
  });
  const lab = { "etcd-restore:labDirectory": labDirectory(stack, config) };
  return { ...settings, config: { ...config, ...Object.fromEntries(paths), ...lab } };
}
