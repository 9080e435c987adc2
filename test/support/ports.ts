/** Ports for servers of the tests, which no other test and no outgoing connection gets before the server listens. */
import * as fs from "node:fs";
import { createServer } from "node:net";

const LOWEST = 10_000;
const HIGHEST = 65_535;
/** The one of these that `fetch` never asks (https://fetch.spec.whatwg.org/#bad-port). */
const BAD_PORT = 10_080;
/** Test files run at once in workers that vitest numbers from 1; a port of one's part is nobody else's. */
const WORKERS = 16;

/**
 * The kernel gives the ports from here to there to outgoing connections and to `listen(0)`, and one of these cannot be
 * listened at, up to a minute after its connection has ended (TIME_WAIT). Some machines have widened it.
 */
function portsOfTheKernel(): readonly [number, number] {
  const file = "/proc/sys/net/ipv4/ip_local_port_range";
  const [from = 0, to = 0] = fs.readFileSync(file, "utf8").split(/\s+/).map(Number);
  return [from, to];
}

/** The wider one of what the kernel leaves below and above; all of them where it leaves too few. */
function ownPorts(): readonly [number, number] {
  const [from, to] = portsOfTheKernel();
  const below = [LOWEST, from - 1] as const;
  const above = [Math.max(to + 1, LOWEST), HIGHEST] as const;
  const wider = below[1] - below[0] > above[1] - above[0] ? below : above;
  return wider[1] - wider[0] >= 100 * WORKERS ? wider : [LOWEST, HIGHEST];
}

/** Ports of this worker, one after another and around, from a random one. */
const next = (() => {
  const [from, to] = ownPorts();
  const each = Math.floor((to - from + 1) / WORKERS);
  const first = from + ((Number(process.env.VITEST_POOL_ID ?? 1) - 1) % WORKERS) * each;
  let turn = Math.floor(Math.random() * each);
  return () => first + (turn++ % each);
})();

/** So many ports of 127.0.0.1, all different, that nobody listens at and that were not given before, for some thousand. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = next();
    if (port !== BAD_PORT && (await canListen(port))) ports.push(port);
  }
  return ports;
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
