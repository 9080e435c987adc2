/** A way to a port of a machine that is open to nobody but the machine itself: through its SSH, by the `ssh` program. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineError } from "../machine-error";
import { lastLines, MACHINE, writeSshFiles, type SshRoute } from "./ssh-files";

export interface Tunnel {
  /** Unix socket of this user alone that leads to the port. */
  readonly socketPath: string;
  /** Ends it; nothing of it is left. */
  close(): Promise<void>;
}

const OPEN_LIMIT_MS = 60_000;
const END_LIMIT_MS = 5_000;

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
  let said = "";
  let ended: string | undefined;
  const ssh = spawn(
    "ssh",
    ["-F", files.config, "-N", "-L", `${socketPath}:127.0.0.1:${port}`, MACHINE],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  ssh.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
  const gone = new Promise<void>((resolve) => {
    ssh.once("error", (error: NodeJS.ErrnoException) => {
      ended = error.code === "ENOENT" ? "there is no program ssh on this computer" : error.message;
      resolve();
    });
    ssh.once("close", (code, by) => {
      ended ??= `ssh ended with ${code ?? String(by)}`;
      resolve();
    });
  });
  const close = async (): Promise<void> => {
    ssh.kill("SIGTERM");
    const limit = setTimeout(() => ssh.kill("SIGKILL"), END_LIMIT_MS);
    await gone;
    clearTimeout(limit);
    files.remove();
  };
  try {
    const deadline = Date.now() + OPEN_LIMIT_MS;
    while (!fs.existsSync(socketPath)) {
      signal.throwIfAborted();
      if (ended !== undefined || Date.now() > deadline) {
        const reason = ended ?? `no answer in ${OPEN_LIMIT_MS / 1000} s`;
        throw new MachineError(
          "environment",
          `no way over SSH to port ${port} of ${route.host}: ${reason}${lastLines(said)}`,
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
