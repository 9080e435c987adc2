/** Whether a folder of this computer can be made, and written into, which is found out without making it. */
import * as fs from "node:fs";
import * as path from "node:path";

/** What stands in the way of writing into the folder of the setting labDirectory; undefined when nothing does. */
export function labDirectoryProblem(directory: string): string | undefined {
  const nearest = nearestThere(directory);
  const reason = reasonAgainst(nearest);
  if (reason === undefined) return undefined;
  return `labDirectory is ${JSON.stringify(directory)}, which cannot be written into: ${nearest} ${reason}; choose another folder`;
}

/** The folder itself, or the nearest above it that is there. */
export function nearestThere(directory: string): string {
  const parent = path.dirname(directory);
  return fs.existsSync(directory) || parent === directory ? directory : nearestThere(parent);
}

function reasonAgainst(nearest: string): string | undefined {
  try {
    if (!fs.statSync(nearest).isDirectory()) return "is no folder";
    fs.accessSync(nearest, fs.constants.W_OK | fs.constants.X_OK);
    return undefined;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "EROFS") return "is on a file system that can only be read";
    return code === "EACCES" ? "is closed to this user" : `cannot be looked at (${code})`;
  }
}
