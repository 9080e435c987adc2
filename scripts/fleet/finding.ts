/** What is found out about one backup. */
import type { Check } from "../../etcd/report/report";
import type { FoundBackup } from "../commands/drill/choose";
import type { Result } from "./result";

/** A backup that was looked for: found, or why not. */
export type Sought = { readonly found: FoundBackup } | { readonly problem: unknown };

/** A result without what the list says of the backup. */
export type Finding = Pick<
  Result,
  | "verdict"
  | "exitCode"
  | "failed"
  | "seconds"
  | "phases"
  | "reason"
  | "backup"
  | "takenAt"
  | "report"
>;

export function failedOf(checks: readonly Check[]): string[] {
  return checks.filter(({ verdict }) => verdict === "fail").map(({ id }) => id);
}
