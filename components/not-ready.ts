import * as pulumi from "@pulumi/pulumi";

/** A computer that will not do. A RunError, so Pulumi prints its message without a stack. */
export class NotReadyError extends pulumi.RunError {
  /** Told to our engine, see `program.ts`. */
  public readonly kind = "not ready";

  constructor(problems: readonly string[]) {
    super(`not ready: ${problems.join("; ")}`);
  }
}
