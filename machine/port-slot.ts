/**
 * Ports of this computer for an etcd of a while, so that many who look for some at the same moment get different ones.
 *
 * Ports come in threes. Whoever listens at the first has the other two: the kernel gives a port to one process, takes it
 * back when that process ends, however it ends, and knows of each network namespace apart.
 */
import { createServer, type Server } from "node:net";

/** Below those that the kernel gives to outgoing connections (`net.ipv4.ip_local_port_range`: 32768 and up). */
const FROM = 20_000;
const TO = 32_000;
const WIDTH = 3;
const ADDRESS = "127.0.0.1";

export interface PortSlot {
  readonly clientPort: number;
  readonly peerPort: number;
  /** Lets others have them, as soon as nobody listens there. */
  release(): Promise<void>;
}

/**
 * Takes two ports at which nobody listens.
 * @throws Error when this computer has none left
 */
export async function takePortSlot(): Promise<PortSlot> {
  const slots = Math.floor((TO - FROM) / WIDTH);
  // From anywhere on: whoever begins at the same place as all others asks for what they have.
  const first = Math.floor(Math.random() * slots);
  for (let i = 0; i < slots; i += 1) {
    const slot = FROM + ((first + i) % slots) * WIDTH;
    const holder = await listen(slot);
    if (holder === undefined) continue;
    const [clientPort, peerPort] = [slot + 1, slot + 2];
    if ((await isFree(clientPort)) && (await isFree(peerPort))) {
      holder.unref();
      return { clientPort, peerPort, release: () => close(holder) };
    }
    await close(holder);
  }
  throw new Error(`no two ports from ${FROM} to ${TO} on ${ADDRESS} are free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server !== undefined) await close(server);
  return server !== undefined;
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    // Nobody has anything to say to it.
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => {
      resolve(undefined);
    });
    server.listen({ host: ADDRESS, port, exclusive: true }, () => {
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
