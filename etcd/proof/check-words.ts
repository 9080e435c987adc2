/** The two commonest ends of a check. */
import type { Check } from "../report/report";

/** What each check starts from. */
type Named = Pick<Check, "id" | "title" | "source">;

export function notChecked(check: Named, reason: string, expected?: string): Check {
  return { ...check, verdict: "not-checked", ...(expected !== undefined && { expected }), reason };
}

/** A check that passes when the two texts are the same. */
export function same(check: Named, expected: string, found: string, reason?: string): Check {
  const verdict = expected === found ? "pass" : "fail";
  return { ...check, verdict, expected, found, ...(reason !== undefined && { reason }) };
}
