/** A source that cannot be used, or has nothing that can be. The message never holds a credential. */
import { NoRoomError } from "../etcd/backup/place";
import { SnapshotError } from "../etcd/snapshot/snapshot-error";
import { visible } from "../etcd/wire/visible";

/**
 * - `usage`: what was named cannot be meant, or what lies there is no backup.
 * - `environment`: the store does not answer, or not as it should.
 * - `none`: it was read, and no complete backup lies there.
 */
export type SourceErrorKind = "usage" | "environment" | "none";

export class SourceError extends Error {
  /** @param message what is foreign in it is made visible here */
  constructor(
    readonly kind: SourceErrorKind,
    message: string,
  ) {
    super(visible(message));
    this.name = "SourceError";
  }
}

/** What an error says: a refused connection to several addresses has a code and no message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  return "code" in error ? String(error.code) : error.name;
}

/** Whether another attempt would change nothing of it. */
export function isFinal(error: unknown): boolean {
  if (error instanceof SourceError) return error.kind !== "environment";
  return error instanceof NoRoomError || error instanceof SnapshotError;
}
