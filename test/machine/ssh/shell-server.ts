/** A machine for the tests of copies: an SSH server on this computer that runs each command in a shell. */
import { spawn } from "node:child_process";
import * as net from "node:net";
import type { ServerChannel } from "ssh2";
import { openSshServer, type SshServer } from "../../../labs/machine/ssh-server";

export interface ShellServer extends SshServer {
  /** What was run, in order. */
  readonly commands: string[];
  /** Bytes that came over the wire. */
  received(): number;
  /** Cuts the connection each time that so many bytes more have come; 0: never. */
  cutEach(bytes: number): void;
  /** Cuts the connection in place of running a command like this. */
  cutAt(command: RegExp): void;
  /** The words that run a command in place of `sh -c COMMAND`: as somebody else. */
  wrap(words: ((command: string) => readonly string[]) | undefined): void;
}

/** Opens it behind a relay that counts and cuts. */
export async function openShellServer(): Promise<ShellServer> {
  const commands: string[] = [];
  let received = 0;
  let each = 0;
  let next = Infinity;
  let deadly = /$^/;
  const plainly = (command: string): readonly string[] => ["sh", "-c", command];
  let words = plainly;
  const clients = new Set<net.Socket>();
  const server = await openSshServer((client) => {
    client.on("session", (accept) => {
      accept().on("exec", (take, _refuse, { command }) => {
        commands.push(command);
        if (!deadly.test(command)) run(words(command), take());
        else for (const client of clients) client.destroy();
      });
    });
  });
  const relay = net.createServer((client) => {
    clients.add(client);
    client.on("close", () => clients.delete(client));
    const there = net.connect(server.setting.port, server.setting.host);
    const end = () => {
      client.destroy();
      there.destroy();
    };
    for (const socket of [client, there]) socket.on("error", end).on("end", end);
    client.on("close", () => there.end());
    there.on("drain", () => client.resume());
    client.on("data", (chunk) => {
      received += chunk.length;
      if (!there.write(chunk)) client.pause();
      if (received < next) return;
      next = received + each;
      client.destroy();
      there.end(); // what has come this far arrives
    });
    there.pipe(client);
  });
  const port = await new Promise<number>((resolve) => {
    relay.listen(0, "127.0.0.1", () => {
      const address = relay.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return {
    setting: { ...server.setting, port },
    commands,
    received: () => received,
    cutEach(bytes) {
      each = bytes;
      next = bytes === 0 ? Infinity : received + bytes;
    },
    cutAt(command) {
      deadly = command;
    },
    wrap(wrapped) {
      words = wrapped ?? plainly;
    },
    async close() {
      relay.close();
      await server.close();
    },
  };
}

function run([program = "", ...args]: readonly string[], channel: ServerChannel): void {
  const shell = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  channel.on("error", () => undefined); // the connection was cut
  shell.stdin.on("error", () => undefined); // it reads no further
  channel.once("close", () => {
    shell.stdin.end();
  });
  channel.pipe(shell.stdin);
  shell.stdout.pipe(channel, { end: false });
  shell.stderr.pipe(channel.stderr, { end: false });
  shell.once("close", (code) => {
    channel.exit(code ?? 255);
    channel.end();
  });
}
