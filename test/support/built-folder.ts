/** What a script of ours makes out of the distribution's packages: built once, kept in the cache of tools. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

const BUILD_LIMIT_MS = 900_000;

export interface BuiltFolder {
  /** Folder of the cache. */
  readonly toolsDir: string;
  /** What it is called there, before a dash and a hash: `machine-bookworm`. */
  readonly name: string;
  /** Which others are older ones of the same thing: those whose name begins so. */
  readonly family: string;
  /** Is given `args`, the folder that it is to make, and on stdin the sources of packages. */
  readonly script: string;
  readonly args: readonly string[];
  readonly sources: string;
  /** Called when it has to be built. */
  readonly onBuild: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Path of the folder; it is built when there is none for this build script and these package sources. Removes older
 * ones. Not safe to be called twice at the same time. Limit: 15 minutes.
 */
export async function ensureBuilt(wanted: BuiltFolder): Promise<string> {
  const { toolsDir, name, family, script, sources, onBuild } = wanted;
  const hash = createHash("sha256").update(fs.readFileSync(script)).update(sources).digest("hex");
  const folder = path.join(toolsDir, `${name}-${hash.slice(0, 16)}`);
  if (fs.existsSync(folder)) return folder;
  fs.mkdirSync(toolsDir, { recursive: true, mode: 0o700 });
  for (const other of fs.readdirSync(toolsDir)) {
    if (other.startsWith(family) && /-[0-9a-f]{16}(\.partial)?$/.test(other)) {
      fs.rmSync(path.join(toolsDir, other), { recursive: true, force: true });
    }
  }
  onBuild();
  const partial = `${folder}.partial`;
  await build(partial, wanted);
  fs.renameSync(partial, folder);
  return folder;
}

function build(partial: string, { script, args, sources, signal }: BuiltFolder): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(script, [...args, partial], {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: BUILD_LIMIT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-3000)));
    }
    child.on("error", reject);
    child.on("close", (code, by) => {
      if (code === 0) resolve();
      else {
        const ended = `${path.basename(script)} ended with ${code ?? String(by)}`;
        reject(new Error(`${ended}:\n${said.trim()}`));
      }
    });
    child.stdin.end(sources);
  });
}
