/** What a drill may take at most: by phase, and as a whole. */
import { InvalidArgumentError } from "commander";
import { PHASE_NAMES, type Check, type Phase } from "../../../etcd/report/report";
import { duration } from "../../../etcd/wire/figures";
import { durationText } from "../../durations";

/** Seconds at most, by the phase's name or `total`. */
export type Budget = Readonly<Partial<Record<Phase["name"] | "total", number>>>;

/** Reads `restore=60s,total=10m`; may be given several times. */
export function addBudget(text: string, before: Budget | undefined): Budget {
  let budget: Budget = before ?? {};
  for (const part of text.split(",")) {
    const [name = "", limit = "", ...more] = part.split("=");
    const known = [...PHASE_NAMES, "total" as const].find((phase) => phase === name.trim());
    if (known === undefined || more.length > 0 || limit === "") {
      throw new InvalidArgumentError(
        `It must be PHASE=TIME, as restore=60s, with a PHASE of ${PHASE_NAMES.join(", ")}, total.`,
      );
    }
    budget = { ...budget, [known]: durationText(limit.trim()) };
  }
  return budget;
}

/** One check for each budget, with both numbers. A phase that the target does not have took no time. */
export function budgetChecks(
  budget: Budget,
  phases: readonly Phase[],
  totalSeconds: number,
): readonly Check[] {
  return Object.entries(budget).map(([name, limit]) => {
    const measured = phases.filter((phase) => phase.name === name);
    const took =
      name === "total" ? totalSeconds : measured.reduce((sum, { seconds }) => sum + seconds, 0);
    const happened = name === "total" || measured.length > 0;
    return {
      id: `budget-${name}`,
      title: name === "total" ? "Budget of the whole drill" : `Budget of the phase ${name}`,
      verdict: took <= limit ? "pass" : "fail",
      expected: `at most ${duration(limit)}`,
      found: happened ? duration(took) : "did not happen",
      source: "setting",
    };
  });
}
