/** A way to a port of a machine that is open to nobody but the machine itself: through its SSH, by the `ssh` program. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineError } from "../machine-error";
import { withoutComment } from "./ssh-keys";

/** One machine that SSH goes to. */
export interface SshHop {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** OpenSSH or PEM text, not encrypted. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…`: no other key is accepted. */
  readonly hostKey: string;
}

/** A machine, and the one before it where it is not reached from here. */
export interface SshRoute extends SshHop {
  readonly proxy?: SshHop | undefined;
}

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
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-ssh-"));
  const socketPath = path.join(directory, "port");
  const config = writeFiles(directory, route);
  let said = "";
  let ended: string | undefined;
  const ssh = spawn("ssh", ["-F", config, "-N", "-L", `${socketPath}:127.0.0.1:${port}`, VM], {
    stdio: ["ignore", "ignore", "pipe"],
  });
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
    fs.rmSync(directory, { recursive: true, force: true });
  };
  try {
    const deadline = Date.now() + OPEN_LIMIT_MS;
    while (!fs.existsSync(socketPath)) {
      signal.throwIfAborted();
      if (ended !== undefined || Date.now() > deadline) {
        const reason = ended ?? `no answer in ${OPEN_LIMIT_MS / 1000} s`;
        throw new MachineError(
          3,
          `no way over SSH to port ${port} of ${route.host}: ${reason}${lastLines(said)}`,
        );
      }
      await sleep(20);
    }
  } catch (error) {
    await close();
    throw error;
  }
  for (const file of [VM, BASTION].map((name) => keyFile(directory, name))) {
    fs.rmSync(file, { force: true });
  }
  return { socketPath, close };
}

/** Names of the hops in ssh's own files. */
const [VM, BASTION] = ["machine", "bastion"] as const;

function keyFile(directory: string, name: string): string {
  return path.join(directory, `${name}.key`);
}

/** Writes ssh's settings, keys and known hosts; gives the path of the settings. */
function writeFiles(directory: string, route: SshRoute): string {
  const hops: readonly (readonly [string, SshHop])[] = [
    [VM, route],
    ...(route.proxy === undefined ? [] : [[BASTION, route.proxy] as const]),
  ];
  const write = (file: string, text: string) => {
    fs.writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const knownHosts = hops.map(([name, { hostKey }]) => `${name} ${withoutComment(hostKey)}\n`);
  const known = write(path.join(directory, "known_hosts"), knownHosts.join(""));
  const blocks = hops.map(([name, { host, port, user, privateKey }]) => [
    `Host ${name}`,
    ...[`HostName ${host}`, `Port ${port}`, `User ${user}`, `HostKeyAlias ${name}`],
    `IdentityFile "${write(keyFile(directory, name), `${privateKey.trimEnd()}\n`)}"`,
    ...(name === VM && route.proxy !== undefined ? [`ProxyJump ${BASTION}`] : []),
  ]);
  const all = [
    "Host *",
    ...[`UserKnownHostsFile "${known}"`, "GlobalKnownHostsFile /dev/null"],
    ...["StrictHostKeyChecking yes", "HostKeyAlgorithms ssh-ed25519", "CheckHostIP no"],
    ...["IdentitiesOnly yes", "IdentityAgent none", "BatchMode yes", "ForwardAgent no"],
    ...["PreferredAuthentications publickey", "ExitOnForwardFailure yes", "LogLevel ERROR"],
    ...["ConnectTimeout 15", "ServerAliveInterval 15", "StreamLocalBindMask 0177"],
  ];
  return write(path.join(directory, "config"), `${[...blocks, all].flat().join("\n")}\n`);
}

function lastLines(said: string): string {
  const lines = said.trim().split("\n").slice(-3).join("; ").replace(/\r/g, "");
  return lines === "" ? "" : `: ${lines}`;
}
