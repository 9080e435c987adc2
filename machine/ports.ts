/** Whether the ports that an etcd is to listen at can be had on this computer. */
import * as fs from "node:fs/promises";
import { createServer } from "node:net";
import { ownProcess } from "./local/own-process";
import { isErrno } from "./local/own-files";

/** A port that etcd will listen at. */
export interface WantedPort {
  /** IP address of this computer. */
  readonly address: string;
  readonly port: number;
  /** The setting to change, for the message: `clientPort`. */
  readonly setting: string;
}

/**
 * What stands in the way of listening at these ports: a sentence for each, with who holds it as far as this user may
 * know. None when all are free or held by the etcd that belongs to `stateDirectory`.
 */
export async function portProblems(
  ports: readonly WantedPort[],
  stateDirectory: string,
): Promise<readonly string[]> {
  const problems = await Promise.all(
    ports.map(async ({ address, port, setting }) => {
      const refusal = await tryToListen(address, port);
      if (refusal === undefined) return [];
      const where = `port ${port} on ${address} (setting ${setting})`;
      if (isErrno(refusal, "EADDRNOTAVAIL")) return [`${where}: this computer has no such address`];
      if (isErrno(refusal, "EACCES"))
        return [`${where} is reserved for root; choose one from 1024 on`];
      const held = await holderOf(port);
      // By a connection that has ended: the kernel forgets it within a minute, for which the start waits.
      if (held === undefined) return [];
      if (held.pid !== undefined && held.pid === (await ownProcess(stateDirectory))) return [];
      const who = held.pid ? `process ${held.pid} (${held.command})` : "a process of another user";
      return [
        held.listens
          ? `${where} is taken by ${who}; end it, or choose another port`
          : `${where} is held by a connection of ${who}; end it, or choose a port that the kernel gives to none (net.ipv4.ip_local_port_range)`,
      ];
    }),
  );
  return problems.flat();
}

/** The same for the two ports of a member on loopback. */
export function memberPortProblems(member: {
  readonly directory: string;
  readonly clientPort: number;
  readonly peerPort: number;
}): Promise<readonly string[]> {
  const ports = (["clientPort", "peerPort"] as const).map((setting) => ({
    ...{ address: "127.0.0.1", port: member[setting], setting },
  }));
  return portProblems(ports, member.directory);
}

/** undefined when the port could be had, else the error. */
async function tryToListen(address: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}

/** A socket that keeps a port from others, and its process where this user may know it (root sees everybody's). */
interface Holder {
  /** Whether it listens; the kernel gives ports to connections that go out, too. */
  readonly listens: boolean;
  readonly pid?: number;
  readonly command: string;
}

/** Who holds a local TCP port; undefined when nobody does any more. */
async function holderOf(port: number): Promise<Holder | undefined> {
  const sockets = await socketsAt(port);
  if (sockets.length === 0) return undefined;
  const listens = sockets.some((socket) => socket.listens);
  const inodes = new Set(
    sockets.filter((socket) => socket.listens === listens).map(({ inode }) => inode),
  );
  for (const pid of (await fs.readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await fs.readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await fs.readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      const command = await fs.readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?");
      return { listens, pid: Number(pid), command: command.trim() };
    }
  }
  return { listens, command: "" };
}

/**
 * The sockets with a local TCP port that a process has (one of an ended connection has the inode 0): columns 2, 4 and 10 of
 * /proc/net/tcp (proc_net_tcp in the kernel's documentation).
 */
async function socketsAt(
  port: number,
): Promise<readonly { readonly inode: string; readonly listens: boolean }[]> {
  const LISTEN = "0A";
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => fs.readFile(file, "utf8").catch(() => "")),
  );
  const rows = tables.flatMap((table) => table.split("\n")).map((line) => line.trim().split(/\s+/));
  return rows
    .filter((row) => row[1]?.endsWith(`:${hex}`))
    .map((row) => ({ inode: row[9] ?? "0", listens: row[3] === LISTEN }))
    .filter(({ inode }) => inode !== "0");
}
