/** A run of the `ssh` program in the background, for a connection or a tunnel: what it said, and whether it has ended. */
import { spawn } from "node:child_process";

const END_LIMIT_MS = 5_000;

export interface BackgroundSsh {
  /** The last 2,000 characters of its stderr. */
  said(): string;
  /** How it ended, in words; undefined as long as it runs. */
  ended(): string | undefined;
  /** Ends it, and waits until it is gone. */
  end(): Promise<void>;
}

/** Starts `ssh` with these arguments. */
export function backgroundSsh(args: readonly string[]): BackgroundSsh {
  let said = "";
  let ended: string | undefined;
  const ssh = spawn("ssh", args, { stdio: ["ignore", "ignore", "pipe"] });
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
  return {
    said: () => said,
    ended: () => ended,
    async end() {
      ssh.kill("SIGTERM");
      const limit = setTimeout(() => ssh.kill("SIGKILL"), END_LIMIT_MS);
      await gone;
      clearTimeout(limit);
    },
  };
}
