/** All mutants of all kinds, judged. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createRandom } from "../support/random";
import { readBase } from "./base";
import { CATCHERS, type Catcher, type Finding } from "./finding";
import { openJudge } from "./judge";
import type { Kind, Mutant } from "./mutant";
import { sodiumReady } from "../support/encrypted-values";

export interface MatrixOptions {
  readonly kinds: readonly Kind[];
  readonly seed: number;
  /** How many places of each kind are damaged. */
  readonly places: number;
  /** Only so many mutants of all, chosen by the seed. Default: all. */
  readonly sample?: number;
  /** How many are judged at once. */
  readonly atOnce: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, kind: string) => void;
}

export interface JudgedMutant extends Finding {
  readonly place: string;
}

/** A kind and what caught its mutants. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly mutants: number;
  readonly caught: Readonly<Record<Catcher, number>>;
  /** Of those caught by the proof: how many it located, key by key. */
  readonly located: number;
  /** Mutants that passed as good, or whose other meaning only the manifest knows without that being foreseen. */
  readonly passed: readonly JudgedMutant[];
  readonly manifestOnly?: string;
  readonly findings: readonly JudgedMutant[];
}

/** Judges the mutants of these kinds; the same options give the same mutants. */
export async function runMatrix(options: MatrixOptions): Promise<readonly Row[]> {
  const { signal, onProgress } = options;
  // Some kinds seal values while their mutants are made.
  await sodiumReady;
  const base = readBase();
  const all = options.kinds.flatMap((kind) =>
    kind
      .mutants(base, createRandom(`${options.seed} ${kind.id}`), options.places)
      // Damage that writes what was there already leaves the good file.
      .filter((mutant) => !("make" in mutant) || !mutant.make().equals(base.good.file))
      .map((mutant) => ({ kind, mutant })),
  );
  const chosen = createRandom(options.seed).sample(all, options.sample ?? all.length);
  const findings = new Map<Mutant, Finding>();
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-mutation-"));
  try {
    const judge = await openJudge(base, directory);
    let next = 0;
    const work = async () => {
      for (let item = chosen[next]; item !== undefined; item = chosen[next]) {
        next += 1;
        signal?.throwIfAborted();
        try {
          findings.set(item.mutant, await judge.judge(item.mutant));
        } catch (error) {
          next = chosen.length;
          throw new Error(`${item.kind.id}, ${item.mutant.place}: ${String(error)}`, {
            cause: error,
          });
        }
        onProgress?.(findings.size, chosen.length, item.kind.id);
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: options.atOnce }, work));
    await judge.close();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return options.kinds.map((kind) =>
    rowOf(
      kind,
      chosen.flatMap(({ kind: its, mutant }) => {
        const finding = its === kind ? findings.get(mutant) : undefined;
        return finding === undefined ? [] : [{ place: mutant.place, ...finding }];
      }),
    ),
  );
}

function rowOf({ id, title, manifestOnly }: Kind, findings: readonly JudgedMutant[]): Row {
  const count = (by: Catcher) => findings.filter((finding) => finding.by === by).length;
  const caught = Object.fromEntries(CATCHERS.map((by) => [by, count(by)])) as Record<
    Catcher,
    number
  >;
  const bad: readonly Catcher[] =
    manifestOnly === undefined ? ["nothing", "manifest"] : ["nothing"];
  return {
    id,
    title,
    mutants: findings.length,
    caught,
    located: findings.filter(({ located }) => located).length,
    passed: findings.filter(({ by }) => bad.includes(by)),
    ...(manifestOnly === undefined ? {} : { manifestOnly }),
    findings,
  };
}
