/**
 * `npm run mutation`: takes a good backup, damages it in every way that we know, and shows what catches each.
 *
 *     npm run mutation -- [--kinds ID,ID…] [--places N] [--sample N] [--seed N] [--json FILE]
 *     npm run mutation -- --bits N [--etcd 3.5,3.6,3.7] [--seed N] [--json FILE]
 *                                                   N single bits a version, judged by real etcd (single-bits.ts)
 *     npm run mutation -- --forms [--etcd 3.6]      known values in wrong forms and right ones, each judged by real etcd
 *     npm run mutation -- --list                    names the kinds
 *     npm run mutation -- --table FILE [--table …]  one table of the JSON of several runs, the last of a kind counts
 *
 * Exit codes: 0 none passed as good; 1 one did; 2 wrong use; 3 the environment failed.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { abortOnInterrupt } from "../../scripts/interrupt";

import { SERVABLE_MINORS } from "../../etcd/snapshot/judgement";
import { makeBitsBase } from "./bits-base";
import { KINDS } from "./kinds";
import { runMatrix, type Row } from "./matrix";
import { judgeForms, measureBits, type BitsResult } from "./single-bits";
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
      bits: { type: "string" },
      forms: { type: "boolean", default: false },
      etcd: { type: "string", default: SERVABLE_MINORS.join() },
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
  if (values.bits !== undefined) {
    return runBits(Number(values.bits), values.etcd.split(","), Number(values.seed), values.json);
  }
  if (values.forms) return runForms(values.etcd.split(","));
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

/** Which the reader takes are tried by groups; a hundred alone, and a hundred that it refuses. */
const BITS_AT_ONCE = { group: 20, alone: 100, refused: 100 };

async function runBits(
  bits: number,
  versions: readonly string[],
  seed: number,
  json: string | undefined,
): Promise<number> {
  const signal = abortOnInterrupt();
  const results: BitsResult[] = [];
  for (const version of versions) {
    const file = await makeBitsBase(version);
    const began = performance.now();
    const result = await measureBits({
      ...{ file, version, bits, seed, signal, ...BITS_AT_ONCE },
      onProgress: say,
    });
    results.push(result);
    const seconds = Math.round((performance.now() - began) / 1000);
    print(
      `etcd ${version}, ${file.length} bytes: ${bits} bits, ${result.taken} taken, ${result.wrong.length} of them wrongly; ` +
        `of ${result.refusedAsked} refused etcd would have served ${result.falseRefusals.length}; ` +
        `${result.etcdStarts} starts of etcd, ${seconds} s`,
    );
    for (const { bit, detail } of result.wrong) print(`WRONG: ${bit}: ${detail}`);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 1)}\n`);
  }
  return results.some(({ wrong }) => wrong.length > 0) ? 1 : 0;
}

/** 1 when the reader takes a form on which an etcd fails, or refuses one that etcd writes. */
async function runForms(versions: readonly string[]): Promise<number> {
  const signal = abortOnInterrupt();
  let wrong = 0;
  for (const version of versions) {
    const results = await judgeForms(version, signal);
    for (const { what, right, refused, etcd } of results) {
      const bad = refused === undefined ? etcd !== undefined : right;
      if (bad) wrong += 1;
      print(
        `${bad ? "WRONG " : ""}etcd ${version}: ${what}: ${refused === undefined ? "taken" : "refused"}; ` +
          `etcd ${etcd === undefined ? "serves it" : `fails: ${etcd}`}`,
      );
    }
  }
  return wrong > 0 ? 1 : 0;
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
