/** How a component names a program of ours that it runs: by path, never by import. */
import * as path from "node:path";
import { shellLine } from "../machine/shell/quote";

/** Path of a file of this project, relative to the program's folder so that it stays the same when the folder moves. */
export function projectPath(...parts: readonly string[]): string {
  const absolute = path.join(__dirname, "..", ...parts);
  return path.relative(process.cwd(), absolute);
}

/** Command line that runs `scripts/<script>.ts` with the project's own runner of TypeScript. */
export function scriptCommand(script: string, ...args: readonly (string | number)[]): string {
  return shellLine(
    "node",
    "--require",
    `./${projectPath("engine", "typescript.cjs")}`,
    projectPath("scripts", `${script}.ts`),
    ...args,
  );
}
