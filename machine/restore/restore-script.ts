/** `restore.sh` as the one file that a machine gets: each part in the place of the line that takes it. */
import * as fs from "node:fs";
import * as path from "node:path";

/** The script as it is run on this computer, where its parts lie beside it. */
export const RESTORE_SCRIPT = path.join(__dirname, "restore.sh");

/**
 * Puts the text of each part in the place of its line `source "$parts/…"`.
 *
 * @param read gives a part by its path from the script's own folder
 */
export function joinParts(script: string, read: (part: string) => string): string {
  return script.replace(/^source "\$parts\/(.*)"$/gm, (_line, part: string) =>
    read(part).trimEnd(),
  );
}

/** The whole of `restore.sh`. */
export function restoreScript(): string {
  const folder = path.dirname(RESTORE_SCRIPT);
  return joinParts(fs.readFileSync(RESTORE_SCRIPT, "utf8"), (part) =>
    fs.readFileSync(path.join(folder, part), "utf8"),
  );
}
