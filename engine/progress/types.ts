/** What is told of a run, whoever shows it. */
import type { ChangeSummary } from "../engine";

/** What happens to a resource, by Pulumi's names for the steps. */
export type Operation =
  "create" | "update" | "replace" | "create-replacement" | "delete-replaced" | "delete" | "same";

export interface Summary {
  /** `preview`, `up` or `destroy`. */
  readonly verb: string;
  readonly ok: boolean;
  readonly changes: ChangeSummary;
  readonly seconds: number;
}

/** Shows a run while it goes on. Secrets in the texts are hidden by what `openProgress` puts before it. */
export interface Progress {
  /** A resource is part of the stack: `parent` is the URN above it, or empty. */
  registered(urn: string, parent: string): void;
  started(urn: string, operation: Operation): void;
  /** One line of what a resource says while it works. */
  said(urn: string, line: string): void;
  ended(urn: string, operation: Operation, error?: string): void;
  /** A step that a preview has found and nobody takes; `details` says why, if it is known. */
  planned(urn: string, operation: Operation, details: readonly string[]): void;
  /** Anything else worth a line: what the program prints, a warning. */
  note(line: string): void;
  /** Worth seeing now and not worth keeping. */
  passing(line: string): void;
  finished(summary: Summary): void;
}
