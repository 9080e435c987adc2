/** `merge`: one report out of the results of many. */
import * as path from "node:path";
import { KeyError, publicKeyOf } from "../../../etcd/wire/ed25519";
import { NotPlainFileError, readPlainText } from "../../../files/plain-file";
import { historyProblems } from "../../fleet/report/check-history";
import { writeTogether } from "../../../etcd/report/write-all";
import { fleetHtml } from "../../fleet/report/html";
import { fleetJunit } from "../../fleet/report/junit";
import { fleetReport } from "../../fleet/report/fleet-report";
import { fleetMetrics } from "../../fleet/report/prometheus";
import { readResults } from "../../fleet/report/read-results";
import { fleetText, verdictSentence } from "../../fleet/report/text";
import { readList } from "../../fleet/list";
import { readNamedHistory } from "../../history-place";
import { abortOnInterrupt } from "../../interrupt";
import type { GlobalOptions } from "../../options";
import { EXIT, UserError } from "../../outcome";
import { colorsFor, printJson, printText, say } from "../../terminal";

export interface MergeCommandOptions extends GlobalOptions {
  readonly list?: string;
  /** Seconds. */
  readonly within: number;
  readonly report?: string;
  /** File with a public key. */
  readonly key?: string;
  readonly history?: readonly string[];
}

/** Prints the report over all results; returns the exit code. */
export async function merge(
  places: readonly string[],
  options: MergeCommandOptions,
): Promise<number> {
  const list = options.list === undefined ? undefined : readList(options.list);
  const key = options.key === undefined ? undefined : publicKeyIn(options.key);
  const signer = key === undefined ? undefined : publicKeyOf(key);
  const histories = await Promise.all(
    (options.history ?? []).map(async (file) => ({ file, ...(await readNamedHistory(file, key)) })),
  );
  const read = await readResults(places, abortOnInterrupt(), signer);
  const { results, unreadable, untrusted } = read;
  const noted = histories.length === 0 ? [] : historyProblems(results, histories);
  const report = fleetReport(results, {
    ...{ list, unreadable, places: read.places, withinSeconds: options.within, now: new Date() },
    evidence: {
      signed: key !== undefined,
      histories: histories.map(({ file, entries, head }) => ({
        file,
        lines: entries.length,
        head,
      })),
      problems: [...untrusted, ...noted],
    },
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

/** @throws UserError for a file that holds no key */
function publicKeyIn(file: string): string {
  try {
    const pem = readPlainText(file);
    publicKeyOf(pem);
    return pem;
  } catch (error) {
    if (!(error instanceof NotPlainFileError) && !(error instanceof KeyError)) throw error;
    throw new UserError(EXIT.usage, `--key ${file}: ${error.message}`);
  }
}
