/** From the verdicts of checks to that of the whole. */
import type { Check, Report } from "./report";

/** One failure fails it; what could not be checked leaves it open, and so does a run that checked nothing. */
export function overallVerdict(checks: readonly Check[]): Report["verdict"] {
  if (checks.some(({ verdict }) => verdict === "fail")) return "fail";
  const isOpen = checks.length === 0 || checks.some(({ verdict }) => verdict === "not-checked");
  return isOpen ? "incomplete" : "pass";
}
