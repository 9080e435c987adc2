/**
 * `npm run mutation`: takes a good backup, damages it in every way that we know, and shows what catches each.
 *
 *     npm run mutation -- [--kinds ID,ID…] [--places N] [--sample N] [--seed N] [--json FILE]
 *     npm run mutation -- --list                    names the kinds
 *     npm run mutation -- --table FILE [--table …]  one table of the JSON of several runs, the last of a kind counts
 *
 * Exit codes: 0 none passed as good; 1 one did; 2 wrong use; 3 the environment failed.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { abortOnInterrupt } from "../../scripts/interrupt";

import { KINDS } from "./kinds";
import { runMatrix, type Row } from "./matrix";
import { matrixTable } from "./table";

/** What `--json` writes. */
interface Run {
  readonly seed: number;
  readonly seconds: number;
  readonly rows: readonly Row[];
}

const DEFAULTS = { seed: "5", places: "20" };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kinds: { type: "string" },
      places: { type: "string", default: DEFAULTS.places },
      sample: { type: "string" },
      seed: { type: "string", default: DEFAULTS.seed },
      json: { type: "string" },
      list: { type: "boolean", default: false },
      table: { type: "string", multiple: true },
    },
  });
  if (values.list) {
    for (const { id, title } of KINDS) print(`${id.padEnd(20)} ${title}`);
    return 0;
  }
  if (values.table !== undefined) {
    const runs = values.table.map((file) => JSON.parse(readFileSync(file, "utf8")) as Run);
    const order = (row: Row) => KINDS.findIndex(({ id }) => id === row.id);
    const judged = runs.flatMap((run) => run.rows).filter(({ mutants }) => mutants > 0);
    const rows = [...new Map(judged.map((row) => [row.id, row])).values()];
    rows.sort((a, b) => order(a) - order(b));
    print(
      matrixTable(
        rows,
        runs.reduce((sum, { seconds }) => sum + seconds, 0),
      ),
    );
    return rows.some(({ passed }) => passed.length > 0) ? 1 : 0;
  }
  const wanted = values.kinds?.split(",");
  const unknown = wanted?.filter((id) => !KINDS.some((kind) => kind.id === id)) ?? [];
  if (unknown.length > 0) {
    say(`no such kind: ${unknown.join(", ")}; --list names them all`);
    return 2;
  }
  const signal = abortOnInterrupt();
  const began = performance.now();
  let told = began;
  const rows = await runMatrix({
    kinds: KINDS.filter(({ id }) => wanted?.includes(id) ?? true),
    seed: Number(values.seed),
    places: Number(values.places),
    ...(values.sample === undefined ? {} : { sample: Number(values.sample) }),
    atOnce: 2,
    signal,
    onProgress: (done, total, kind) => {
      if (performance.now() - told < 5000 && done < total) return;
      told = performance.now();
      say(`${done} of ${total} judged, ${Math.round((told - began) / 1000)} s, at ${kind}`);
    },
  });
  const seconds = Math.round((performance.now() - began) / 1000);
  print(matrixTable(rows, seconds));
  if (values.json !== undefined) {
    const run: Run = { seed: Number(values.seed), seconds, rows };
    writeFileSync(values.json, `${JSON.stringify(run, undefined, 1)}\n`);
  }
  return rows.some(({ passed }) => passed.length > 0) ? 1 : 0;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    say(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 3;
  },
);
