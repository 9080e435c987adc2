/** What the lab's servers boot: built once, kept in the cache of tools. */
import * as path from "node:path";
import { ensureBuilt } from "../../test/support/built-folder";
import { packageSources } from "../machine/root";
import type { GuestFiles } from "./catalog";

/**
 * The files of the guest with a release of Debian in `toolsDir`, built when there are none for this build script and
 * these package sources. Removes older ones. Not safe to be called twice at the same time.
 */
export async function ensureGuest(
  suite: string,
  toolsDir: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<GuestFiles> {
  const directory = await ensureBuilt({
    ...{ toolsDir, name: `openstack-${suite}`, family: `openstack-${suite}-`, signal },
    ...{ script: path.join(__dirname, "build-guest.sh"), args: [suite] },
    sources: await packageSources(suite),
    onBuild: () => {
      say(`building the image that servers boot (${suite}; a minute or two, once)`);
    },
  });
  return {
    disk: path.join(directory, "disk.qcow2"),
    kernel: path.join(directory, "vmlinuz"),
    initrd: path.join(directory, "initrd"),
  };
}
