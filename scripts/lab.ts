/** The stack on this computer as `start` and `stop` see it: where it lies, and the engine that runs it. */
import * as path from "node:path";
import { chooseEngine, type EngineName } from "../engine/choose";
import type { Engine, RunHere, StartProgram } from "../engine/engine";
import { labDirectory } from "./project";
import { stackSettings } from "./stack-settings";
import { visible } from "../etcd/wire/visible";

export interface LabOptions {
  readonly engine: EngineName;
  /** @default the stack on this computer, `local` */
  readonly stack?: string;
  /** Settings over those of the stack's file, with their namespace. */
  readonly config: Readonly<Record<string, string>>;
  readonly quiet: boolean;
  /** @default every command of the program is a process of its own */
  readonly runHere?: RunHere | undefined;
  /** @default a process of its own for each run of the program */
  readonly startProgram?: StartProgram | undefined;
  readonly signal: AbortSignal;
}

/** The engine for a stack; its own state lies in the lab's folder, too. */
export function labEngine(options: LabOptions): Engine {
  const { stack = "local", signal } = options;
  // Where the stack's file had to be read for its paths, they tell the folder, too.
  const settings = stackSettings(stack, options.config);
  return chooseEngine(options.engine, {
    ...settings,
    workDir: path.join(labDirectory(stack, settings.config), "stack"),
    signal,
    visible,
    runHere: options.runHere,
    startProgram: options.startProgram,
    progress: options.quiet ? "none" : process.stderr.isTTY ? "tree" : "lines",
  });
}
