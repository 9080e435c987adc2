/** A bastion on this computer: lets one key in, and from there on to other addresses. */
import { timingSafeEqual } from "node:crypto";
import * as net from "node:net";
import ssh2, { type Connection, type ServerChannel } from "ssh2";
import { makeSshKey, withoutComment } from "../../machine/ssh/ssh-keys";

export interface TestBastion {
  /** What the setting `bastion` holds. */
  readonly setting: Readonly<Record<"host" | "user" | "privateKey" | "hostKey", string>> & {
    readonly port: number;
  };
  /** Where it has led to, as `HOST:PORT`, in order. */
  readonly led: readonly string[];
  close(): Promise<void>;
}

const USER = "jump";

/** Opens a bastion on a free port of 127.0.0.1. */
export async function openBastion(): Promise<TestBastion> {
  const host = makeSshKey("bastion");
  const login = makeSshKey("jump");
  const led: string[] = [];
  const clients = new Set<Connection>();
  const known = Buffer.from(login.publicKey.split(" ")[1] ?? "", "base64");
  const parsed = ssh2.utils.parseKey(login.publicKey);
  if (parsed instanceof Error) throw parsed;
  const server = new ssh2.Server({ hostKeys: [host.privateKey] }, (client) => {
    clients.add(client);
    client.on("close", () => clients.delete(client));
    client.on("error", () => undefined); // a client that goes away
    client.on("authentication", (context) => {
      const isOurs =
        context.method === "publickey" &&
        context.username === USER &&
        context.key.data.length === known.length &&
        timingSafeEqual(context.key.data, known) &&
        (context.signature === undefined ||
          (context.blob !== undefined && parsed.verify(context.blob, context.signature)));
      if (isOurs) context.accept();
      else context.reject(["publickey"]);
    });
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
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      resolve();
    });
  });
  const address = server.address();
  return {
    setting: {
      host: "127.0.0.1",
      port: typeof address === "object" && address !== null ? address.port : 0,
      user: USER,
      privateKey: login.privateKey,
      hostKey: withoutComment(host.publicKey),
    },
    led,
    close: () =>
      new Promise((resolve) => {
        for (const client of clients) client.end();
        server.close(() => {
          resolve();
        });
      }),
  };
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
