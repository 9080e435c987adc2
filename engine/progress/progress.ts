/** Opens the kind of progress that was asked for, and puts before it what no text goes round: the mask of secrets. */

import type { EngineOptions } from "../engine";
import type { Mask } from "../mask";
import { lineProgress } from "./lines";
import type { Progress } from "./types";
import { treeProgress } from "./tree";

/** A tree needs a terminal and is plain lines elsewhere. */
export async function openProgress(
  { progress = "tree", visible }: Pick<EngineOptions, "progress" | "visible">,
  mask: Pick<Mask, "hide">,
): Promise<Progress> {
  if (progress === "none") return silent;
  const show = (text: string): string => {
    const hidden = mask.hide(text);
    return visible === undefined ? hidden : hidden.split("\n").map(visible).join("\n");
  };
  return through(
    show,
    progress === "tree" && process.stderr.isTTY
      ? await treeProgress(process.stderr)
      : lineProgress((line) => process.stderr.write(`${line}\n`)),
  );
}

/** The one place where texts of programs, commands and providers become visible. */
function through(show: (text: string) => string, progress: Progress): Progress {
  return {
    ...progress,
    said: (urn, line) => {
      progress.said(urn, show(line));
    },
    ended: (urn, operation, error) => {
      if (error === undefined) progress.ended(urn, operation);
      else progress.ended(urn, operation, show(error));
    },
    note: (line) => {
      progress.note(show(line));
    },
    passing: (line) => {
      progress.passing(show(line));
    },
  };
}

const nothing = (): void => undefined;

const silent: Progress = {
  registered: nothing,
  started: nothing,
  said: nothing,
  ended: nothing,
  planned: nothing,
  note: nothing,
  passing: nothing,
  finished: nothing,
};
