/** A proxy on loopback that passes bytes on and cuts each connection after so many of an answer. */
import * as net from "node:net";
import { once } from "node:events";

export interface CuttingProxy {
  readonly port: number;
  /** How many connections were cut. */
  cuts(): number;
  /** Bytes of answers that were passed on. */
  passed(): number;
  close(): Promise<void>;
}

/** @param most bytes of answers until a connection is cut; Infinity: never */
export async function startCuttingProxy(port: number, most: number): Promise<CuttingProxy> {
  let cuts = 0;
  let passed = 0;
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(port, "127.0.0.1");
    let given = 0;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", end).on("close", () => {
        open.delete(socket);
        end();
      });
    }
    client.pipe(upstream);
    upstream.on("data", (part: Buffer) => {
      given += part.length;
      passed += part.length;
      if (given > most) {
        cuts += 1;
        end();
      } else if (!client.write(part)) {
        upstream.pause();
        client.once("drain", () => upstream.resume());
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    cuts: () => cuts,
    passed: () => passed,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
