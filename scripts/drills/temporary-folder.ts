/** A drill's own folder for temporary files: they go with it, however it ends. */
import * as fs from "node:fs";
import * as path from "node:path";

/** The path of a socket has room for 107 bytes (unix(7)); the engine's is `engine-XXXXXX/s` in this folder. */
const LONGEST = 80;
/** ssh's shared connection takes more of them (machine/ssh/ssh-files.ts), and its `-L` ends a path at a colon. */
const LONGEST_FOR_SSH = 50;

type Target = "local" | "openstack";

/**
 * Whatever writes temporary files from now on writes them into the drill's folder; where that has too long a path for
 * sockets, into one in /tmp that has the drill's name, so that it is found again.
 * @returns ends that
 */
export function useTemporaryFolder(directory: string, target: Target): () => void {
  const folder = makeFolder(directory, target);
  if (folder === undefined) return () => undefined;
  const { TMPDIR } = process.env;
  process.env.TMPDIR = folder;
  return () => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  };
}

function makeFolder(directory: string, target: Target): string | undefined {
  const own = path.join(directory, "tmp");
  const length = Buffer.byteLength(own);
  const hasRoom =
    target === "local" ? length <= LONGEST : length <= LONGEST_FOR_SSH && !own.includes(":");
  if (!hasRoom) {
    try {
      fs.mkdirSync(shortFolder(directory), { mode: 0o700 });
      return shortFolder(directory);
    } catch {
      // A computer where only the drill's home may be written to.
      if (length > LONGEST) return undefined;
    }
  }
  fs.mkdirSync(own, { mode: 0o700 });
  return own;
}

/** Takes away what lies outside of a drill's folder. */
export function removeShortFolder(directory: string): void {
  const folder = shortFolder(directory);
  const found = fs.lstatSync(folder, { throwIfNoEntry: false });
  // Anybody may make one of that name.
  if (found?.isDirectory() !== true || found.uid !== process.getuid?.()) return;
  fs.rmSync(folder, { recursive: true, force: true });
}

function shortFolder(directory: string): string {
  return path.join("/tmp", path.basename(directory));
}
