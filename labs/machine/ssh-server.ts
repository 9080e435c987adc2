/** An SSH server on this computer that lets one key in; what it does for a client is the caller's. */
import { timingSafeEqual } from "node:crypto";
import ssh2, { type Connection } from "ssh2";
import { makeSshKey, withoutComment } from "../../machine/ssh/ssh-keys";

export interface SshServer {
  /** How it is reached: what the setting `bastion` holds. */
  readonly setting: Readonly<Record<"host" | "user" | "privateKey" | "hostKey", string>> & {
    readonly port: number;
  };
  close(): Promise<void>;
}

const USER = "jump";

/** Opens one on a free port of 127.0.0.1. */
export async function openSshServer(onClient: (client: Connection) => void): Promise<SshServer> {
  const host = makeSshKey("bastion");
  const login = makeSshKey("jump");
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
    onClient(client);
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
    close: () =>
      new Promise((resolve) => {
        for (const client of clients) client.end();
        server.close(() => {
          resolve();
        });
      }),
  };
}
