/** The stack that is looked at, with its settings as `up` would read them. */
import * as fs from "node:fs";
import { givenConfig, readProject, stackFileOf } from "../../../engine/stack-config";
import { PROJECT_DIR } from "../../project";
import { stackSettings } from "../../stack-settings";
import { EXIT, UserError } from "../../outcome";
import type { Subject } from "./check";

export interface SubjectOptions {
  readonly target?: "local" | "openstack";
  readonly stack?: string;
  /** Settings over those of the stack file, by full name. */
  readonly config: Readonly<Record<string, string>>;
}

/** The stacks that the project ships. */
const STACKS = { local: "local", openstack: "dev" } as const;

/**
 * Reads the settings of a stack; encrypted ones stay so. Without a stack it is the shipped one of the target, and
 * without a target that of the stack, else `local`.
 * @throws UserError when the stack has no file, or is of another target than asked for.
 */
export function readSubject(options: SubjectOptions): Subject {
  const stack = options.stack ?? STACKS[options.target ?? "local"];
  const engine = { ...stackSettings(stack, options.config), workDir: "" };
  const file = stackFileOf(engine);
  if (!fs.existsSync(file)) {
    throw new UserError(
      EXIT.usage,
      `there is no ${file}: stack "${stack}" has no settings; \`pulumi stack init ${stack}\` and a copy of Pulumi.dev.yaml begin one`,
    );
  }
  const project = readProject(PROJECT_DIR);
  const given = givenConfig(engine, project);
  const setting = (name: string): unknown => {
    const fullName = `${project.name}:${name}`;
    return given.get(fullName) ?? project.declared.get(fullName)?.default;
  };
  const target = setting("target");
  if (target !== "local" && target !== "openstack") {
    throw new UserError(
      EXIT.usage,
      `target is "${String(target)}" in ${file}; openstack or local is allowed`,
    );
  }
  if (options.target !== undefined && options.target !== target) {
    throw new UserError(
      EXIT.usage,
      `stack "${stack}" has target ${target}, and --target is ${options.target}; name another --stack`,
    );
  }
  return { target, stack, setting };
}
