/** What goes wrong with a cluster, in words that say what to do. */

/** `usage`: what was asked for is not there; `environment`: kubectl, the cluster or its permissions failed. */
export type ClusterFailure = "usage" | "environment";

/** An error about a cluster; its message is meant for people, and names what to do. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  constructor(
    readonly kind: ClusterFailure,
    message: string,
    /** The way that was tried is not open, but another may be. @default false */
    readonly isClosed = false,
  ) {
    super(message);
  }
}
