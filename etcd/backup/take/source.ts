/** Where a backup comes from: a member that is asked over gRPC, or one that is reached in another way (in a pod). */
import type { MemberHash } from "../../client/member-client";

/** What has to be known of a source before its snapshot is taken, and afterwards for the manifest. */
export interface SourceState {
  /** `3.6.16` */
  readonly version: string;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  /** Size of the database, and so of the snapshot that is to come. */
  readonly dbBytes: number;
}

/** A member that can be asked for its snapshot. A `MemberClient` is one. */
export interface Source {
  status(): Promise<SourceState>;
  /**
   * HashKV at a revision, 0 for the one that the store has. May be asked while the snapshot is being read.
   * Fails where the member cannot answer; the backup is then not comparable, and says why.
   */
  hashKv(revision: number): Promise<MemberHash>;
  /** The database, and behind it the 32 bytes of its SHA-256, piece by piece; fails when it breaks off. */
  snapshot(): AsyncIterable<Uint8Array>;
}

/** `check`: what came is not good. `usage`: wrong use. `environment`: the source, the network or the disk failed. */
export type TakeFailure = "check" | "usage" | "environment";

/** A backup that was not taken: nothing is under its name. The message is meant for people. */
export class TakeError extends Error {
  override readonly name = "TakeError";
  constructor(
    readonly kind: TakeFailure,
    message: string,
  ) {
    super(message);
  }
}
