/** A bastion on this computer: lets one key in, and from there on to other addresses. */
import * as net from "node:net";
import type { ServerChannel } from "ssh2";
import { openSshServer, type SshServer } from "./ssh-server";

export interface TestBastion extends SshServer {
  /** Where it has led to, as `HOST:PORT`, in order. */
  readonly led: readonly string[];
}

/** Opens a bastion on a free port of 127.0.0.1. */
export async function openBastion(): Promise<TestBastion> {
  const led: string[] = [];
  const server = await openSshServer((client) => {
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      const socket = net.connect({ host: destIP, port: destPort });
      socket.once("connect", () => {
        led.push(`${destIP}:${destPort}`);
        join(accept(), socket);
      });
      socket.once("error", () => {
        reject();
      });
    });
  });
  return { ...server, led };
}

function join(channel: ServerChannel, socket: net.Socket): void {
  channel.on("error", () => {
    socket.destroy();
  });
  socket.on("error", () => {
    channel.close();
  });
  channel.pipe(socket).pipe(channel);
}
