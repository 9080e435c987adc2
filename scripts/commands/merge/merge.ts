/** `merge`: one report out of the results of many. */
import * as path from "node:path";
import { writeTogether } from "../../../etcd/report/write-all";
import { fleetHtml } from "../../fleet/report/html";
import { fleetJunit } from "../../fleet/report/junit";
import { fleetReport } from "../../fleet/report/fleet-report";
import { fleetMetrics } from "../../fleet/report/prometheus";
import { readResults } from "../../fleet/report/read-results";
import { fleetText, verdictSentence } from "../../fleet/report/text";
import { readList } from "../../fleet/list";
import { abortOnInterrupt } from "../../interrupt";
import type { GlobalOptions } from "../../options";
import { EXIT } from "../../outcome";
import { colorsFor, printJson, printText, say } from "../../terminal";

export interface MergeCommandOptions extends GlobalOptions {
  readonly list?: string;
  /** Seconds. */
  readonly within: number;
  readonly report?: string;
}

/** Prints the report over all results; returns the exit code. */
export async function merge(
  places: readonly string[],
  options: MergeCommandOptions,
): Promise<number> {
  const list = options.list === undefined ? undefined : readList(options.list);
  const { results, unreadable, places: searched } = await readResults(places, abortOnInterrupt());
  const report = fleetReport(results, {
    ...{ list, unreadable, places: searched, withinSeconds: options.within, now: new Date() },
  });
  if (options.report !== undefined) {
    const directory = path.resolve(options.report);
    writeTogether(directory, {
      "fleet.json": `${JSON.stringify(report)}\n`,
      "fleet.xml": fleetJunit(report),
      "fleet.html": fleetHtml(report),
      "fleet.prom": fleetMetrics(report),
    });
    if (options.quiet !== true) say(`The report is ${path.join(directory, "fleet.html")}`);
  }
  const color = colorsFor(process.stdout);
  if (options.json === true) printJson(report);
  else printText(options.quiet === true ? verdictSentence(report) : fleetText(report, { color }));
  return report.verdict === "pass" || report.verdict === "restorable"
    ? EXIT.good
    : EXIT.checkFailed;
}
