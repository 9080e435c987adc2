/** The stack on this computer as `start` and `stop` see it: where it lies, and the engine that runs it. */
import * as path from "node:path";
import { chooseEngine, type EngineName } from "../engine/choose";
import type { Engine } from "../engine/engine";

/** Folder of the project: `Pulumi.yaml`, the program, the sample backup. */
export const PROJECT_DIR = path.join(__dirname, "..");

/** Resolves a path that a user typed, also when npm has moved us to the project's folder. */
export function userPath(given: string): string {
  return path.resolve(process.env["INIT_CWD"] ?? process.cwd(), given);
}

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

/** A signal that aborts on Ctrl-C or SIGTERM; a second Ctrl-C then ends the process at once. */
export function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return controller.signal;
}
