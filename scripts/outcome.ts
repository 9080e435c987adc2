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
 * The exit code for a run of the program.
 *
 * A program that refused before anything was made (no URN) did so over its settings or the backup: wrong use, unless
 * it says that the computer is not ready. A resource that failed is a script of ours, which has said what it was by
 * its own exit status, here (`exit status 3`) or over SSH (`exited with status 3`).
 */
export function exitCodeOf(result: EngineResult): number {
  if (result.ok) return EXIT.good;
  const codes = result.failures.map((failure) => {
    if (failure.urn === undefined) {
      return failure.message.startsWith("not ready: ") ? EXIT.environment : EXIT.usage;
    }
    const status = Number(/(?:exit|exited with) status (\d+)/.exec(failure.message)?.[1]);
    return status >= EXIT.checkFailed && status <= EXIT.environment ? status : EXIT.environment;
  });
  return codes[0] ?? EXIT.environment;
}
