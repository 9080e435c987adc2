/** How a component names a program of ours that it runs: by path, never by import. */
import * as path from "node:path";
import { shellLine } from "../machine/shell/quote";

let absolutely = false;

/** For a process that runs in another folder than the commands that it names. */
export function nameFilesAbsolutely(): void {
  absolutely = true;
}

/** Path of a file of this project, relative to the program's folder so that it stays the same when the folder moves. */
export function projectPath(...parts: readonly string[]): string {
  const absolute = path.join(__dirname, "..", ...parts);
  return absolutely ? absolute : path.relative(process.cwd(), absolute);
}

/**
 * Command line that runs `scripts/<script>`: TypeScript with the project's own runner, in an installed package the
 * JavaScript that it was compiled to.
 */
export function scriptCommand(script: string, ...args: readonly (string | number)[]): string {
  const kind = path.extname(__filename);
  const loader = projectPath("engine", "typescript.cjs");
  const runner = kind === ".ts" ? ["--require", absolutely ? loader : `./${loader}`] : [];
  return shellLine("node", ...runner, projectPath("scripts", `${script}${kind}`), ...args);
}
