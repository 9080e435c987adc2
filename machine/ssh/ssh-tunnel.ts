/** A way to a port of a machine that is open to nobody but the machine itself: through its SSH, by the `ssh` program. */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineError } from "../machine-error";
import { backgroundSsh } from "./ssh-background";
import { lastLines, MACHINE, writeSshFiles, type SshRoute } from "./ssh-files";

export interface Tunnel {
  /** Unix socket of this user alone that leads to the port. */
  readonly socketPath: string;
  /** Ends it; nothing of it is left. */
  close(): Promise<void>;
}

const OPEN_LIMIT_MS = 60_000;

/**
 * Opens a tunnel to a port that the machine itself reaches at 127.0.0.1.
 *
 * Keys lie in a folder of this user alone, and only until the connection stands. No settings, agent or known hosts of
 * the user play a part. Limit: 60 s.
 * @throws MachineError with what `ssh` said
 */
export async function openTunnel(
  route: SshRoute,
  port: number,
  signal: AbortSignal,
): Promise<Tunnel> {
  const files = writeSshFiles(route);
  const socketPath = path.join(files.directory, "port");
  const tunnel = ["-L", `${socketPath}:127.0.0.1:${port}`];
  const ssh = backgroundSsh(["-F", files.config, "-N", ...tunnel, MACHINE]);
  const close = async (): Promise<void> => {
    await ssh.end();
    files.remove();
  };
  try {
    const deadline = Date.now() + OPEN_LIMIT_MS;
    while (!fs.existsSync(socketPath)) {
      signal.throwIfAborted();
      const ended = ssh.ended();
      if (ended !== undefined || Date.now() > deadline) {
        const reason = ended ?? `no answer in ${OPEN_LIMIT_MS / 1000} s`;
        throw new MachineError(
          "environment",
          `no way over SSH to port ${port} of ${route.host}: ${reason}${lastLines(ssh.said())}`,
        );
      }
      await sleep(20);
    }
  } catch (error) {
    await close();
    throw error;
  }
  files.forgetKeys();
  return { socketPath, close };
}
