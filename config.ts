/** The stack's settings out of Pulumi's configuration, which only this file reads, and every problem told at once. */
import * as pulumi from "@pulumi/pulumi";
import { readSettings, wrongSettings } from "./settings/read";
import type { Problem } from "./settings/reader";
import type * as types from "./settings/types";

/** Settings of one stack, checked. */
export type Settings = types.Settings<pulumi.Output<string>>;

/** Names every setting that is wrong. A RunError, so Pulumi prints its message without a stack. */
export class SettingsError extends pulumi.RunError {
  constructor(problems: readonly Problem[]) {
    super(wrongSettings(pulumi.getStack(), problems));
  }
}

/** Reads and checks the stack's settings; throws one SettingsError with all problems. */
export function loadSettings(config = new pulumi.Config()): Settings {
  const names = Object.keys(pulumi.runtime.allConfig());
  const { settings, problems } = readSettings(config, names, (text) => pulumi.secret(text));
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}
