/** Carries out one step after the other: so many at a time, each journaled, none begun after a failure. */

import { setMaxListeners } from "node:events";
import type { ChangeSummary, Failure, RunHere } from "../engine";
import type { Mask } from "../mask";
import type { Operation, Progress } from "../progress/types";
import type { Ledger } from "./ledger";
import type { Lock } from "./lock";
import type { StepContext } from "./resource-type";
import type { PendingOperation, ResourceState } from "./state-file";
import { CommandFailed } from "./resource-type";
import { titleOf } from "./urn";

/** Told to whoever wanted a step once the run has failed: nothing more is going to happen. */
export class Stopped extends Error {}

export interface Step<T> {
  readonly resource: ResourceState;
  readonly operation: Operation;
  readonly pending: PendingOperation["type"];
  readonly work: (context: StepContext) => Promise<T>;
}

export interface Steps {
  readonly signal: AbortSignal;
  readonly projectDir: string;
  /** Waits for a free place, then does the work. Throws `Stopped` when the run has failed, be it by this step. */
  take<T>(step: Step<T>): Promise<T>;
  /** Counts a change that needed no work. */
  count(operation: keyof ChangeSummary): void;
  /** The run has failed: what is running ends, nothing is begun. Returns the error to throw. */
  fail(failure: Failure): Stopped;
  /** Throws `Stopped` when the run has failed, and remembers who came too late. */
  check(urn: string): void;
  failed(): boolean;
  /** Resolves when nothing is running. */
  idle(): Promise<void>;
  /** Titles of those who came too late. */
  refused(): readonly string[];
  failures(): readonly Failure[];
  changes(): ChangeSummary;
}

export interface StepsOptions {
  readonly projectDir: string;
  readonly ledger: Ledger;
  readonly lock: Lock | undefined;
  readonly mask: Mask;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Most steps at one time. */
  readonly parallel: number;
  readonly runHere?: RunHere | undefined;
}

export function createSteps(options: StepsOptions): Steps {
  const { mask, signal, projectDir } = options;
  const failures: Failure[] = [];
  const refused = new Set<string>();
  const changes: Partial<Record<keyof ChangeSummary, number>> = {};
  const running = new Set<Promise<unknown>>();
  const places = createPlaces(options.parallel);
  // One listener for each command that runs.
  setMaxListeners(0, signal);

  function fail(failure: Failure): Stopped {
    const hidden = mask.hide(failure.message);
    failures.push({ ...failure, message: hidden });
    places.wakeAll();
    return new Stopped(hidden);
  }

  function check(urn: string): void {
    if (failures.length === 0) return;
    refused.add(titleOf(urn));
    throw new Stopped(`${titleOf(urn)} was not begun: the run has failed`);
  }

  return {
    signal,
    projectDir,
    async take(step) {
      const { urn } = step.resource;
      await places.take(() => {
        check(urn);
      });
      const work = carryOut(step, options, fail);
      const settled = work.catch(() => undefined);
      running.add(settled);
      try {
        return await work;
      } finally {
        running.delete(settled);
        places.giveBack();
      }
    },
    count(operation) {
      changes[operation] = (changes[operation] ?? 0) + 1;
    },
    fail,
    check,
    failed: () => failures.length > 0,
    async idle() {
      while (running.size > 0) await Promise.all(running);
    },
    refused: () => [...refused],
    failures: () => failures,
    changes: () => changes,
  };
}

/** So many places for steps that run at one time. */
function createPlaces(parallel: number) {
  const waiting: (() => void)[] = [];
  let free = parallel;
  return {
    /** Waits for a free place. @param check is called before it waits and after; throws where nothing is to begin any more */
    async take(check: () => void): Promise<void> {
      check();
      while (free === 0) {
        await new Promise<void>((wake) => waiting.push(wake));
        check();
      }
      free -= 1;
    },
    giveBack(): void {
      free += 1;
      waiting.shift()?.();
    },
    /** Whoever waits is to look whether there is anything to wait for. */
    wakeAll(): void {
      waiting.splice(0).forEach((wake) => {
        wake();
      });
    },
  };
}

/** The work of one step, journaled. @throws what `fail` makes of it, when it fails */
async function carryOut<T>(
  { resource, operation, pending, work }: Step<T>,
  options: StepsOptions,
  fail: Steps["fail"],
): Promise<T> {
  const { ledger, progress, signal } = options;
  const { urn } = resource;
  const journaled: PendingOperation = { resource, type: pending };
  ledger.begin(journaled);
  await ledger.save();
  progress.started(urn, operation);
  try {
    const result = await work(contextOf(resource, options));
    ledger.end(journaled);
    progress.ended(urn, operation);
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Stopped in the middle, nobody knows how far it got: the journal keeps it for the next run.
    if (!signal.aborted) ledger.end(journaled);
    await ledger.save();
    progress.ended(urn, operation, message);
    const ended = error instanceof CommandFailed ? { exitStatus: error.exitStatus } : {};
    throw fail({ urn, message, ...ended });
  }
}

function contextOf(resource: ResourceState, options: StepsOptions): StepContext {
  const { projectDir, signal, progress, lock, runHere } = options;
  return {
    projectDir,
    urn: resource.urn,
    signal,
    secretOutputs: resource.additionalSecretOutputs ?? [],
    say: (line) => {
      progress.said(resource.urn, line);
    },
    processStarted: (pid) => lock?.started(pid),
    processEnded: (pid) => lock?.ended(pid),
    runHere,
  };
}
