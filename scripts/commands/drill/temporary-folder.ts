/** A drill's own folder for temporary files: they go with it, however it ends. */
import * as fs from "node:fs";
import * as path from "node:path";

/** The path of a socket has room for 107 bytes (unix(7)); the engine's is `engine-XXXXXX/s` in this folder. */
const LONGEST = 80;

/**
 * Whatever writes temporary files from now on writes them into the drill's folder.
 * @returns ends that
 */
export function useTemporaryFolder(directory: string): () => void {
  const folder = path.join(directory, "tmp");
  if (folder.length > LONGEST) return () => undefined;
  fs.mkdirSync(folder, { mode: 0o700 });
  const { TMPDIR } = process.env;
  process.env.TMPDIR = folder;
  return () => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  };
}
