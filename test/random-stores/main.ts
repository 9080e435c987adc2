/**
 * `npm run random-stores`: backs up random stores of etcd 3.5, 3.6 and 3.7 while they move on, restores and verifies
 * each, and compares HashKV and census with etcd's own answers. A proof that cries wolf fails here.
 *
 *     npm run random-stores -- [--stores N] [--from N] [--seed N]
 *
 * Ten stores follow each other on one source; `--from` is rounded down to the first of them. Exit codes: 0 all pass;
 * 1 one did not; 3 the environment failed.
 */
import { parseArgs } from "node:util";

import { abortOnInterrupt } from "../../scripts/interrupt";

import { judgeBatch, STORES_A_SOURCE, type StoreResult } from "./stores";

const AT_ONCE = 2;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      stores: { type: "string", default: "30" },
      from: { type: "string", default: "0" },
      seed: { type: "string", default: "5" },
    },
  });
  const [stores, from, seed] = [Number(values.stores), Number(values.from), Number(values.seed)];
  const first = Math.floor(from / STORES_A_SOURCE);
  const batches = Math.ceil(stores / STORES_A_SOURCE);
  const signal = abortOnInterrupt();
  const results: StoreResult[] = [];
  const began = performance.now();
  let next = 0;
  const work = async () => {
    while (next < batches) {
      const batch = next++;
      const count = Math.min(STORES_A_SOURCE, stores - batch * STORES_A_SOURCE);
      await judgeBatch(seed, first + batch, count, tell, signal);
    }
  };
  const tell = (result: StoreResult) => {
    results.push(result);
    const { store, version, revision, keys, movedOn, problems } = result;
    if (problems.length > 0) print(`store ${store}, etcd ${version}: ${problems.join("; ")}`);
    if (results.length % STORES_A_SOURCE === 0) {
      process.stderr.write(
        `${results.length} of ${stores}: store ${store}, revision ${revision}, ${keys} keys, source ${movedOn} on\n`,
      );
    }
  };
  for (const end of await Promise.allSettled(Array.from({ length: AT_ONCE }, work))) {
    if (end.status === "rejected") throw end.reason;
  }
  print(summary(results, Math.round((performance.now() - began) / 1000)));
  return results.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

function summary(results: readonly StoreResult[], seconds: number): string {
  const sum = (of: (result: StoreResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const versions = [...new Set(results.map(({ version }) => version))].sort();
  const each = versions.map(
    (version) =>
      `${results.filter((result) => result.version === version).length} of etcd ${version}`,
  );
  const good = results.filter(({ problems }) => problems.length === 0).length;
  return (
    `${good} of ${results.length} random stores pass (${each.join(", ")}), ${seconds} s: ` +
    `${sum(({ keys }) => keys)} keys, ${sum(({ records }) => records)} records; the source moved on during ` +
    `${sum(({ movedOn }) => (movedOn > 0 ? 1 : 0))} backups; leases ran out in ` +
    `${sum(({ explained }) => (explained.includes("leases") ? 1 : 0))} restored stores`
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(
      `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 3;
  },
);
