/**
 * `npm run mutation`: takes a good backup, damages it in every way that we know, and shows what catches each.
 *
 *     npm run mutation -- [--kinds ID,ID…] [--places N] [--sample N] [--seed N] [--json FILE] [--list]
 *
 * Exit codes: 0 none passed as good; 1 one did; 2 wrong use; 3 the environment failed.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { KINDS } from "./kinds";
import { runMatrix } from "./matrix";
import { matrixTable } from "./table";

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
    },
  });
  if (values.list) {
    for (const { id, title } of KINDS) print(`${id.padEnd(20)} ${title}`);
    return 0;
  }
  const wanted = values.kinds?.split(",");
  const unknown = wanted?.filter((id) => !KINDS.some((kind) => kind.id === id)) ?? [];
  if (unknown.length > 0) {
    say(`no such kind: ${unknown.join(", ")}; --list names them all`);
    return 2;
  }
  const stop = new AbortController();
  process.once("SIGINT", () => {
    stop.abort(new Error("interrupted"));
  });
  const began = performance.now();
  let told = began;
  const rows = await runMatrix({
    kinds: KINDS.filter(({ id }) => wanted?.includes(id) ?? true),
    seed: Number(values.seed),
    places: Number(values.places),
    ...(values.sample === undefined ? {} : { sample: Number(values.sample) }),
    atOnce: 2,
    signal: stop.signal,
    onProgress: (done, total, kind) => {
      if (performance.now() - told < 5000 && done < total) return;
      told = performance.now();
      say(`${done} of ${total} judged, ${Math.round((told - began) / 1000)} s, at ${kind}`);
    },
  });
  const seconds = Math.round((performance.now() - began) / 1000);
  print(matrixTable(rows, seconds));
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ seed: Number(values.seed), seconds, rows }, undefined, 1)}\n`,
    );
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
