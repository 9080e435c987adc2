/** How a component names a program of ours that it runs: by path, never by import. */
import * as path from "node:path";
import { shellLine } from "../machine/shell/quote";

/** Path of a file of this project, relative to the program's folder so that it stays the same when the folder moves. */
export function projectPath(...parts: readonly string[]): string {
  const absolute = path.join(__dirname, "..", ...parts);
  return path.relative(process.cwd(), absolute);
}

/**
 * Command line that runs `scripts/<script>`: TypeScript with the project's own runner, in an installed package the
 * JavaScript that it was compiled to.
 */
export function scriptCommand(script: string, ...args: readonly (string | number)[]): string {
  const kind = path.extname(__filename);
  const runner =
    kind === ".ts" ? ["--require", `./${projectPath("engine", "typescript.cjs")}`] : [];
  return shellLine("node", ...runner, projectPath("scripts", `${script}${kind}`), ...args);
}
