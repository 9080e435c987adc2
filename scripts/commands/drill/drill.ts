/** `drill`: one drill as it is typed: its reports in a folder, its verdict printed, its exit code. */
import * as path from "node:path";
import { reportText } from "../../../etcd/report/text";
import { verdictLine } from "../../../etcd/report/verdict-line";
import { writeReports } from "../../../etcd/report/write-all";
import { isRemote } from "../../../sources/address";
import { beginning } from "../../began";
import type { EngineFor } from "../../drills/remove";
import { colorsFor, columnsOf, printJson, printText, say } from "../../terminal";
import { chooseBackup, chosenFile } from "./choose";
import type { DrillOptions } from "./options";
import type { DrillEnd } from "./given";
import { Drill } from "./run";
import { drillSettings } from "./settings";

/** Runs one drill; returns the exit code. */
export async function drill(
  file: string | undefined,
  options: DrillOptions,
  engineFor?: EngineFor,
): Promise<number> {
  const settings = drillSettings(options);
  const given = file ?? options.from ?? "";
  const source = isRemote(given) ? given : path.resolve(given);
  const { random, seed } = options;
  const expectedCluster = settings.config["etcd-restore:expectedCluster"];
  const ended = await new Drill(
    {
      ...{ source, settings, startedAt: beginning() },
      choose: async (fetchTo, signal) =>
        file === undefined || isRemote(source)
          ? await chooseBackup(source, { random, seed, signal, fetchTo, expectedCluster })
          : chosenFile(source),
      write: (report, directory) => {
        writeReports(report, directory);
      },
      ...(engineFor === undefined ? {} : { engineFor }),
    },
    options,
  ).run();
  tell(ended, options);
  return ended.exitCode;
}

function tell({ report, badEnd, exitCode, reports }: DrillEnd, options: DrillOptions): void {
  const { json, quiet } = options;
  const color = colorsFor(process.stdout);
  if (json === true)
    printJson(badEnd === undefined ? report : { ...report, error: badEnd.cause, exitCode });
  else
    printText(
      quiet === true || report.ended
        ? verdictLine(report, { color })
        : reportText(report, { color, columns: columnsOf(process.stdout) }),
    );
  if (quiet !== true) say(`Its report is ${path.join(reports, "report.html")}`);
  if (badEnd !== undefined) say(`error: ${badEnd.cause}; ${badEnd.remedy}`);
}
