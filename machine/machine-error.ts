/**
 * Something about the machine that the user can mend: printed as its message alone.
 *
 * `usage` is a wrong setting or file, `environment` one that failed.
 */
export class MachineError extends Error {
  constructor(
    readonly kind: "usage" | "environment",
    message: string,
  ) {
    super(message);
  }
}
