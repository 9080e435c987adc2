/** How a command ends: exit codes, and the errors that carry one. */
import type { EngineResult } from "../engine/engine";
import { visible } from "../etcd/wire/visible";

/** Exit codes of every command of ours; after a signal it is 128 and the signal's number (`interrupt.ts`). */
export const EXIT = { good: 0, checkFailed: 1, usage: 2, environment: 3 } as const;

/** An error that the user can do something about: printed as its message alone. */
export class UserError extends Error {
  /**
   * @param message one line; what is foreign in it is made visible
   * @param details lines below it
   */
  constructor(
    readonly exitCode: number,
    message: string,
    details: readonly string[] = [],
  ) {
    super([message, ...details.map((line) => `  ${line}`)].map(visible).join("\n"));
  }
}

/**
 * The exit code for a run of the program: by the kind of the first failure, and for a script of ours by its own exit
 * status, which has said what it was, here or over SSH.
 */
export function exitCodeOf(result: EngineResult): number {
  const [first] = result.failures;
  if (result.ok) return EXIT.good;
  if (first?.kind === "settings") return EXIT.usage;
  const status = first?.exitStatus ?? EXIT.environment;
  return status >= EXIT.checkFailed && status <= EXIT.environment ? status : EXIT.environment;
}
