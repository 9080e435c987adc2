/**
 * The program in a process that is kept from one run to the next. To load Pulumi's SDK and the program is a third of what a
 * small drill costs, and the drills of a list, one after the other, do it once.
 */

import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import * as path from "node:path";
import type { ProgramRun, StartProgram } from "../engine";
import { endOf, environmentOf, onEachLine, spawnProgram, startOnce } from "./start-once";

/** What the process says when a run has come to a good end; after a bad one it ends itself. */
interface Ended {
  readonly kind: "ended";
  /** Its memory, in bytes. */
  readonly rss: number;
}

/** Each run leaves a little behind: with so much of it the process is not used again. */
const FULL_BYTES = 256 * 2 ** 20;

interface Kept {
  readonly child: ChildProcess;
  readonly ending: Promise<string>;
  isAtWork: boolean;
  onLine: (line: string) => void;
}

/**
 * Starts the program in a process that it keeps, for one run at a time: what begins meanwhile has a process of its own. The
 * process ends with this one, and does not keep it from ending.
 */
export function startKept(): StartProgram {
  let kept: Kept | undefined;
  const begun = (run: ProgramRun): Kept => {
    const made = begin(run, () => {
      if (kept === made) kept = undefined;
    });
    return made;
  };
  return (run, onLine) => {
    if (kept?.isAtWork === true) return startOnce(run, onLine);
    const used = (kept ??= begun(run));
    const { child, ending } = used;
    used.isAtWork = true;
    used.onLine = onLine;
    const { pid } = child;
    const ended = new Promise<string>((resolve) => {
      child.once("message", ({ rss }: Ended) => {
        used.isAtWork = false;
        if (rss > FULL_BYTES) {
          kept = undefined;
          child.kill();
        }
        resolve("exit status 0");
      });
    });
    // One that has ended meanwhile is told by its end.
    child.send({ ...run, environment: environmentOf(run) }, () => undefined);
    return { pid, ending: Promise.race([ended, ending]) };
  };
}

function begin(run: ProgramRun, onEnd: () => void): Kept {
  const words = [path.join(__dirname, "kept-program.cjs"), run.entry];
  const child = spawnProgram(words, run, {});
  const ending = endOf(child).finally(onEnd);
  ending.catch(() => undefined); // told to the run that waits for it
  const kept: Kept = { child, ending, isAtWork: false, onLine: () => undefined };
  onEachLine(child, (line) => {
    kept.onLine(line);
  });
  child.unref();
  child.channel?.unref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
  return kept;
}
