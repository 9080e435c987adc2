/**
 * Something about the machine that the user can mend: printed as its message alone.
 *
 * Exit codes as everywhere: 2 is a wrong setting or file, 3 an environment that failed.
 */
export class MachineError extends Error {
  constructor(
    readonly exitCode: 2 | 3,
    message: string,
  ) {
    super(message);
  }
}
