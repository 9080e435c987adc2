/** The stack on this computer as `start` and `stop` see it: where it lies, and the engine that runs it. */
import * as path from "node:path";
import { chooseEngine, type EngineName } from "../engine/choose";
import type { Engine } from "../engine/engine";
import { EXIT } from "./outcome";

/** Folder of the project: `Pulumi.yaml`, the program, the sample backup. */
export const PROJECT_DIR = path.join(__dirname, "..");

export interface LabOptions {
  readonly engine: EngineName;
  /** Settings over those of Pulumi.local.yaml, with their namespace. */
  readonly config: Readonly<Record<string, string>>;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

/** Folder that holds everything of the lab. */
export function labDirectory(config: LabOptions["config"]): string {
  return path.resolve(PROJECT_DIR, config["etcd-restore:labDirectory"] ?? ".lab");
}

/** The engine for the `local` stack; its own state lies in the lab's folder, too. */
export function labEngine(options: LabOptions): Engine {
  return chooseEngine(options.engine, {
    projectDir: PROJECT_DIR,
    stack: "local",
    workDir: path.join(labDirectory(options.config), "stack"),
    config: options.config,
    signal: options.signal,
    progress: options.quiet ? "none" : process.stderr.isTTY ? "tree" : "lines",
  });
}

/** npm passes a terminal's Ctrl-C on that reaches us as well: within so many milliseconds it is the same one. */
const SAME_INTERRUPT_MS = 1000;

/** A signal that aborts on Ctrl-C or SIGTERM, for a clean end; a second one ends the process at once. */
export function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  let first: number | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (first !== undefined && Date.now() - first > SAME_INTERRUPT_MS)
        process.exit(EXIT.environment);
      first ??= Date.now();
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return controller.signal;
}
