import { createServer } from "node:net";

/**
 * Ports below those that the kernel gives to outgoing connections and to `listen(0)` (32768 and up on Linux): a port
 * from there could be somebody's before the server that it was chosen for listens.
 */
const FROM = 10_000;
const TO = 32_000;
/** The one of these that `fetch` never asks (https://fetch.spec.whatwg.org/#bad-port). */
const BAD_PORT = 10_080;

/** So many ports of 127.0.0.1, all different, that nobody listens at. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FROM + Math.floor(Math.random() * (TO - FROM));
    if (port !== BAD_PORT && (await canListen(port))) ports.add(port);
  }
  return [...ports];
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      resolve(false);
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
