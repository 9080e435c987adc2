/** The stack's settings out of Pulumi's configuration, which only this file reads, and every problem told at once. */
import * as pulumi from "@pulumi/pulumi";
import { unknownSettings } from "./settings/names";
import { readSettings } from "./settings/read";
import type * as types from "./settings/types";

/** Settings of one stack, checked. */
export type Settings = types.Settings<pulumi.Output<string>>;

/** Names every setting that is wrong. A RunError, so Pulumi prints its message without a stack. */
export class SettingsError extends pulumi.RunError {
  constructor(problems: readonly string[]) {
    super(
      [
        `the settings of stack ${pulumi.getStack()} are wrong:`,
        ...problems.map((p) => `- ${p}`),
      ].join("\n"),
    );
  }
}

/** Reads and checks the stack's settings; throws one SettingsError with all problems. */
export function loadSettings(config = new pulumi.Config()): Settings {
  const { settings, problems } = readSettings(config, (text) => pulumi.secret(text));
  // One that nobody reads is a wish that would not come true.
  const unknown = unknownSettings(Object.keys(pulumi.runtime.allConfig()));
  if (problems.length + unknown.length > 0) throw new SettingsError([...problems, ...unknown]);
  return settings;
}
