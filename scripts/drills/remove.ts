/** Takes away what a drill has made: by its own engine, and on this computer by what lies in its folder. */
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../../engine/engine";
import { removeLocalEtcd } from "../../machine/local/local-etcd";
import { messageOfError } from "../errors";
import { labEngine, type LabOptions } from "../lab";
import { causeOf } from "../run-end";
import { runHere } from "../steps-here";
import { takeDown } from "../take-down";
import { removePlace, type DrillMark } from "./home";

/** Makes the engine for a stack; tests give another one. */
export type EngineFor = (options: LabOptions) => Engine;

/** A state that a killed run was writing, a cloud that is busy: worth a second look. */
const ATTEMPTS = 2;
const PAUSE_MS = 1_000;

/** Folder of a drill's stack, in that of the drill. */
export function labOf(directory: string): string {
  return path.join(directory, "lab");
}

/**
 * Destroys a drill's stack, and takes its folder away when nothing is left.
 * @returns why something is left; undefined when nothing is
 */
export async function removeDrill(
  directory: string,
  { name, target, engine, config }: Pick<DrillMark, "name" | "target" | "engine" | "config">,
  quiet: boolean,
  engineFor: EngineFor = labEngine,
): Promise<string | undefined> {
  // Whatever interrupts us has been told already: what was begun is taken away.
  const { signal } = new AbortController();
  const lab = labOf(directory);
  let problem: string | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    problem = await attemptOf(async () => {
      const made = engineFor({ engine, stack: name, config, quiet, signal, runHere });
      const taken = await takeDown(lab, made, true);
      return "failed" in taken ? causeOf(taken.failed.failures[0]?.message ?? "") : undefined;
    });
    if (problem === undefined) break;
    if (attempt < ATTEMPTS) await sleep(PAUSE_MS);
  }
  // On this computer everything lies in the folder, and the etcd is known by its mark there, whatever became of the state.
  if (target === "local" && problem !== undefined) {
    problem = await attemptOf(async () => {
      await removeLocalEtcd(path.join(lab, "etcd"));
      return undefined;
    });
  }
  if (problem === undefined) removePlace(directory);
  return problem;
}

async function attemptOf(work: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await work();
  } catch (error) {
    return messageOfError(error);
  }
}
