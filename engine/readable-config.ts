/** The settings of a stack for whoever only looks at them, and has not the key of its secrets. */
import { isCiphertext, withoutCiphertext } from "./ciphertext";
import type { EngineOptions } from "./engine";
import { configText, withDefaults, type Project } from "./stack-config";

/** What can be read of the settings without the key of the stack's secrets. */
export interface ReadableConfig {
  /** By full name, as the program gets them; in the place of an encrypted part of a structured one stands another text. */
  readonly values: ReadonlyMap<string, string>;
  /** What is encrypted: full names, and paths below one (`project:bastion.privateKey`). */
  readonly sealed: readonly string[];
}

/** The settings for whoever only looks at them; @throws StackConfigError as `givenConfig`. */
export function readableConfig(options: EngineOptions, project: Project): ReadableConfig {
  const values = new Map<string, string>();
  const sealed: string[] = [];
  for (const [name, value] of withDefaults(options, project).merged) {
    if (isCiphertext(value)) sealed.push(name);
    else values.set(name, configText(withoutCiphertext(value, name, sealed)));
  }
  return { values, sealed };
}
