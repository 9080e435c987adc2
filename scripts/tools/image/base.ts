/** A base for the image out of the distribution's packages, for who cannot reach docker.io: unpacked, and nothing of them is run. */
import { execFile as execFileCallback } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { EXIT, UserError } from "../../outcome";
import type { Making } from "./parts";

const execFile = promisify(execFileCallback);
const SUITE = "bookworm";
const LIMIT_MS = 600_000;

/**
 * What Node.js, the restore script and etcd need, what reads backups that are packed, and process 1. No package manager: there
 * is nothing to install into an image that is only read.
 */
const PACKAGES = [
  ...["base-files", "libc6", "libgcc-s1", "libstdc++6", "tini"],
  ...["bash", "dash", "coreutils", "diffutils", "findutils", "grep", "sed", "util-linux"],
  ...["tar", "gzip", "bzip2", "zstd"],
  // What a v2 store is restored with.
  ...["curl", "mawk"],
];

/**
 * Makes a tar of the base at `file`. Needs mmdebstrap, and the package sources of this computer (Debian).
 * @throws UserError when it is not there, or does not work
 */
export async function makeBase(file: string, making: Making): Promise<void> {
  const { architecture, log, signal } = making;
  log(`a base of ${PACKAGES.length} Debian packages and what they depend on`);
  const partial = `${file}.partial.tar`;
  const args = [
    ...["--quiet", "--variant=extract", `--architectures=${architecture}`],
    `--include=${PACKAGES.join(",")}`,
    // /bin is /usr/bin, as in every Debian of today; without maintainer scripts nobody else would see to that.
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    ...["man", "locale", "doc", "info", "lintian"].map(
      (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
    ),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    ...[SUITE, partial],
  ];
  try {
    await execFile("mmdebstrap", args, { signal, timeout: LIMIT_MS });
    fs.renameSync(partial, file);
  } catch (error) {
    fs.rmSync(partial, { force: true });
    signal.throwIfAborted();
    const { code, stderr = "" } = error as { readonly code?: unknown; readonly stderr?: string };
    throw new UserError(
      EXIT.environment,
      code === "ENOENT"
        ? "there is no mmdebstrap: install it (apt-get install mmdebstrap), or take Debian's image as the base (--base debian)"
        : `mmdebstrap made no base in ${path.dirname(file)}: ${stderr.trim().split("\n").at(-1) ?? String(error)}`,
    );
  }
}
