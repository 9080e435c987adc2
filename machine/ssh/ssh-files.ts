/** The files by which the `ssh` program reaches a machine: settings, keys and known hosts, in a folder of this user alone. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as z from "zod";
import { withoutComment } from "./ssh-keys";

const SshHop = z.object({
  host: z.string(),
  port: z.number(),
  user: z.string(),
  /** OpenSSH or PEM text, not encrypted. */
  privateKey: z.string(),
  /** `ssh-ed25519 AAAA…`: no other key is accepted. */
  hostKey: z.string(),
});
/** A machine that SSH goes to, and the one before it where it is not reached from here. */
export const SshRoute = SshHop.extend({ proxy: SshHop.optional() });
export type SshHop = Readonly<z.infer<typeof SshHop>>;
export type SshRoute = Readonly<z.infer<typeof SshRoute>>;

/** What a run of `ssh` is given. */
export interface SshFiles {
  /** Gone when `remove` is called; whatever ssh makes may lie in it. */
  readonly directory: string;
  /** For `ssh -F`. */
  readonly config: string;
  /** Takes the keys away: a connection that stands needs them no more. */
  forgetKeys(): void;
  remove(): void;
}

/** Names of the hops in ssh's own files. */
export const MACHINE = "machine";
const BASTION = "bastion";

/**
 * Writes them; no settings, agent or known hosts of the user play a part.
 *
 * @param shared several commands may go through one connection
 */
export function writeSshFiles(route: SshRoute, shared = false): SshFiles {
  const directory = fs.mkdtempSync(path.join(forSockets(os.tmpdir()), "etcd-restore-ssh-"));
  const hops: readonly (readonly [string, SshHop])[] = [
    [MACHINE, route],
    ...(route.proxy === undefined ? [] : [[BASTION, route.proxy] as const]),
  ];
  const keyFile = (name: string) => path.join(directory, `${name}.key`);
  const write = (file: string, text: string) => {
    fs.writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const knownHosts = hops.map(([name, { hostKey }]) => `${name} ${withoutComment(hostKey)}\n`);
  const known = write(path.join(directory, "known_hosts"), knownHosts.join(""));
  const blocks = hops.map(([name, { host, port, user, privateKey }]) => [
    `Host ${name}`,
    ...[`HostName ${host}`, `Port ${port}`, `User ${user}`, `HostKeyAlias ${name}`],
    `IdentityFile ${quoted(write(keyFile(name), `${privateKey.trimEnd()}\n`))}`,
    ...(name === MACHINE && route.proxy !== undefined ? [`ProxyJump ${BASTION}`] : []),
    ...(name === MACHINE && shared ? [`ControlPath ${quoted(controlSocket(directory))}`] : []),
  ]);
  const all = [
    "Host *",
    ...[`UserKnownHostsFile ${quoted(known)}`, "GlobalKnownHostsFile /dev/null"],
    `Ciphers ${CIPHERS.join()}`,
    ...["StrictHostKeyChecking yes", "HostKeyAlgorithms ssh-ed25519", "CheckHostIP no"],
    ...["IdentitiesOnly yes", "IdentityAgent none", "BatchMode yes", "ForwardAgent no"],
    ...["PreferredAuthentications publickey", "ExitOnForwardFailure yes", "LogLevel ERROR"],
    ...["ConnectTimeout 15", "ServerAliveInterval 15", "StreamLocalBindMask 0177"],
  ];
  const config = write(path.join(directory, "config"), `${[...blocks, all].flat().join("\n")}\n`);
  return {
    directory,
    config,
    forgetKeys() {
      for (const [name] of hops) fs.rmSync(keyFile(name), { force: true });
    },
    remove() {
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * OpenSSH's own, but for the order: AES-GCM, which processors do by themselves, before ChaCha20, which takes them twice
 * as long and decides how fast a backup goes over a fast link.
 */
const CIPHERS = [
  ...["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"],
  ...["aes128-ctr", "aes192-ctr", "aes256-ctr"],
];

/** A Unix socket's path is at most 104 bytes (108 on Linux), and `ssh -L` ends it at a colon. */
const LONGEST_FOLDER = 50;
function forSockets(temporary: string): string {
  return Buffer.byteLength(temporary) > LONGEST_FOLDER || temporary.includes(":")
    ? "/tmp"
    : temporary;
}

/** Where the shared connection listens. */
export function controlSocket(directory: string): string {
  return path.join(directory, "shared");
}

/** A path as ssh_config takes it: in quotes, `\` and quotes escaped, and `%` doubled, which begins its own words. */
function quoted(file: string): string {
  return `"${file.replaceAll("%", "%%").replace(/["\\]/g, "\\$&")}"`;
}

/** What ssh said last, behind a colon; nothing when it said nothing. */
export function lastLines(said: string): string {
  const lines = said.trim().split("\n").slice(-3).join("; ").replace(/\r/g, "");
  return lines === "" ? "" : `: ${lines}`;
}
