import * as pulumi from "@pulumi/pulumi";

/**
 * A computer that will not do. A RunError, so Pulumi prints its message without a stack.
 *
 * @example
 * ```ts
 * import { NotReadyError, preflight } from "etcd-restore";
 *
 * const ports = { clientPort: 22379, peerPort: 22380 };
 * const wanted = { snapshot: "/backups/etcd.db", labDirectory: "/var/tmp/lab", etcdVersion: "auto" };
 * try {
 *   await preflight({ ...wanted, ...ports });
 * } catch (error) {
 *   if (!(error instanceof NotReadyError)) throw error;
 *   console.error(error.message); // not ready: port 22379 on 127.0.0.1 is taken
 * }
 * ```
 */
export class NotReadyError extends pulumi.RunError {
  /** Told to our engine, see `program.ts`. */
  public readonly kind = "not ready";

  constructor(problems: readonly string[]) {
    super(`not ready: ${problems.join("; ")}`);
  }
}
