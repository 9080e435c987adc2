/** The end of what a drill made: taken away, or kept for a while because somebody wants to look at it. */
import * as fs from "node:fs";
import type { Check } from "../../../etcd/report/report";
import type { DrillMark, DrillPlace } from "../../drills/home";
import { labOf, removeDrill, type EngineFor } from "../../drills/remove";
import { say } from "../../terminal";
import type { DrillOptions } from "./options";

/** `--keep` without a time. */
export const KEEP_SECONDS = 86_400;

/** @returns the check that fails because something is left; undefined when nothing is */
export async function takeAway(
  place: DrillPlace,
  { name, target, config }: Pick<DrillMark, "name" | "target" | "config">,
  { keep, engine, quiet }: Pick<DrillOptions, "keep" | "engine" | "quiet">,
  engineFor: EngineFor | undefined,
): Promise<Check | "kept" | undefined> {
  const lab = labOf(place.directory);
  try {
    if (keep !== undefined && fs.existsSync(lab)) {
      const seconds = keep === true ? KEEP_SECONDS : keep;
      const until = new Date(Date.now() + seconds * 1000);
      place.keep(until);
      say(
        `It is kept until ${until.toISOString()} in ${place.directory}; \`etcd-restore sweep ${name}\` removes it`,
      );
      return "kept";
    }
    const mark = { name, target, engine, config: { ...config, "etcd-restore:labDirectory": lab } };
    const left = await removeDrill(place.directory, mark, quiet === true, engineFor);
    return left === undefined ? undefined : leftCheck(place.directory, left);
  } finally {
    place.close();
  }
}

function leftCheck(directory: string, problem: string): Check {
  return {
    id: "teardown",
    title: "Everything was taken away again",
    verdict: "fail",
    expected: "nothing is left",
    found: `something is left in ${directory}`,
    reason: `${problem}; \`etcd-restore sweep\` tries again`,
    source: "setting",
  };
}
