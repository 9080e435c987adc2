/** What the lab's servers boot: built once, kept in the cache of tools. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { packageSources } from "../machine/root";
import type { GuestFiles } from "./catalog";

const BUILD = path.join(__dirname, "build-guest.sh");
const BUILD_LIMIT_MS = 900_000;
const SUITE = "bookworm";

/**
 * The guest's files in `toolsDir`, built when there are none for this build script and these package sources. Removes
 * older ones. Not safe to be called twice at the same time.
 */
export async function ensureGuest(
  toolsDir: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<GuestFiles> {
  const sources = await packageSources(SUITE);
  const hash = createHash("sha256").update(fs.readFileSync(BUILD)).update(sources).digest("hex");
  const directory = path.join(toolsDir, `openstack-guest-${hash.slice(0, 16)}`);
  const files = {
    disk: path.join(directory, "disk.qcow2"),
    kernel: path.join(directory, "vmlinuz"),
    initrd: path.join(directory, "initrd"),
  };
  if (fs.existsSync(directory)) return files;
  fs.mkdirSync(toolsDir, { recursive: true, mode: 0o700 });
  for (const other of fs.readdirSync(toolsDir)) {
    if (other.startsWith("openstack-guest-")) {
      fs.rmSync(path.join(toolsDir, other), { recursive: true, force: true });
    }
  }
  say("building the image that servers boot (a minute, once)");
  const partial = `${directory}.partial`;
  await build(partial, sources, signal);
  fs.renameSync(partial, directory);
  return files;
}

function build(directory: string, sources: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(BUILD, [directory], {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: BUILD_LIMIT_MS,
      signal,
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-3000)));
    }
    child.on("error", reject);
    child.on("close", (code, ended) => {
      if (code === 0) resolve();
      else reject(new Error(`build-guest.sh ended with ${code ?? String(ended)}:\n${said.trim()}`));
    });
    child.stdin.end(sources);
  });
}
