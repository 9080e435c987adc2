import * as net from "node:net";

/**
 * Connects to a TCP port and hangs up: the address of this computer by which it reached it. Undefined when no connection
 * came about within the limit.
 */
export function reach(host: string, port: number, limitMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: limitMs });
    const end = (address: string | undefined) => {
      socket.destroy();
      resolve(address);
    };
    socket.once("connect", () => {
      end(socket.localAddress);
    });
    socket.once("timeout", () => {
      end(undefined);
    });
    socket.once("error", () => {
      end(undefined);
    });
  });
}
