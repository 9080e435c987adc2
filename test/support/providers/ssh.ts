/** Connections as the command provider makes them (pulumi-command `provider/pkg/provider/remote/connection.go`), with ssh2. */
import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientChannel, type SFTPWrapper } from "ssh2";
import { z } from "zod";

const hop = z.strictObject({
  host: z.string(),
  port: z.number().default(22),
  user: z.string(),
  privateKey: z.string(),
  /** The real provider takes any key without it; this one refuses, for our programs always pin. */
  hostKey: z.string().regex(/^ssh-ed25519 /, "the host key is not pinned"),
  dialErrorLimit: z.number().default(10),
  perDialTimeout: z.number().default(15),
});

/** `connection` of a `command:remote:*`. */
export const connectionInputs = z.strictObject({ ...hop.shape, proxy: hop.optional() });
export type Connection = z.infer<typeof connectionInputs>;
type Hop = z.infer<typeof hop>;

/** Waits between attempts: 11 s for 10 of them, 61 s for 20. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
/** sshd's own limit for a log-in; an emulated machine takes seconds for one. */
const HANDSHAKE_LIMIT_MS = 120_000;

/** What came of a remote command. */
export interface Ran {
  /** As Go's ssh package says it; absent when it ended well. */
  readonly failure?: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Connects, does the work, and closes whatever comes of it; the signal breaks it off. */
export async function withConnection<T>(
  connection: Connection,
  signal: AbortSignal,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const open: Client[] = [];
  const close = () => {
    for (const client of open.splice(0).reverse()) client.destroy();
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    const proxy = connection.proxy && (await dial(connection.proxy, undefined, open, signal));
    return await work(await dial(connection, proxy, open, signal));
  } catch (error) {
    throw signal.aborted ? new Error("interrupted") : error;
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

/** Tries until the limit of errors, whatever the error is. */
async function dial(
  to: Hop,
  proxy: Client | undefined,
  open: Client[],
  signal: AbortSignal,
): Promise<Client> {
  let wait = FIRST_WAIT_MS;
  for (let errors = 1; ; errors++) {
    try {
      const client = await connect(to, proxy);
      open.push(client);
      return client;
    } catch (error) {
      if (to.dialErrorLimit >= 0 && errors >= to.dialErrorLimit) {
        const last = error instanceof Error ? error.message : String(error);
        throw new Error(`after ${errors} failed attempts: ${to.host}:${to.port}: ${last}`, {
          cause: error,
        });
      }
    }
    await sleep(wait, undefined, { signal });
    wait = Math.min(wait * 1.5, LONGEST_WAIT_MS);
  }
}

async function connect(to: Hop, proxy: Client | undefined): Promise<Client> {
  const sock = proxy === undefined ? await reach(to) : await forward(proxy, to);
  const [, pinned = ""] = to.hostKey.split(" ");
  const client = new Client();
  let refused: string | undefined;
  return new Promise((resolve, reject) => {
    client
      .once("ready", () => {
        resolve(client); // from now on each channel tells of a broken connection
      })
      .on("error", (error) => {
        // A connection that breaks may tell so twice.
        client.destroy();
        reject(new Error(refused ?? error.message));
      })
      .once("close", () => {
        reject(new Error(refused ?? "the connection was closed"));
      })
      .connect({
        sock,
        username: to.user,
        privateKey: to.privateKey,
        readyTimeout: HANDSHAKE_LIMIT_MS,
        algorithms: { serverHostKey: ["ssh-ed25519"] },
        hostVerifier: (key: Buffer) => {
          if (key.toString("base64") === pinned) return true;
          refused = "ssh: handshake failed: ssh: host key mismatch";
          return false;
        },
      });
  });
}

/** A TCP connection, within `perDialTimeout`: in the real provider, too, it limits nothing else. */
function reach(to: Hop): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: to.host, port: to.port, timeout: to.perDialTimeout * 1000 });
    const end = (reason: Error) => {
      socket.destroy();
      reject(reason);
    };
    socket
      .once("connect", () => {
        socket.setTimeout(0);
        socket.removeListener("error", end);
        resolve(socket);
      })
      .once("timeout", () => {
        end(new Error(`dial tcp: no connection in ${to.perDialTimeout} s`));
      })
      .once("error", end);
  });
}

function forward(proxy: Client, to: Hop): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    proxy.forwardOut("127.0.0.1", 0, to.host, to.port, (error, channel) => {
      if (error) reject(error);
      else resolve(channel);
    });
  });
}

/** Runs a command with this stdin and gathers what it says. */
export function runRemote(
  client: Client,
  command: string,
  stdin: string,
  onText: (stream: "stdout" | "stderr", text: string) => void,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) {
        reject(error);
        return;
      }
      const texts = { stdout: "", stderr: "" };
      const gather = (name: "stdout" | "stderr") => (text: string) => {
        texts[name] += text;
        onText(name, text);
      };
      let failure: string | undefined =
        "wait: remote command exited without exit status or exit signal";
      channel.setEncoding("utf8").on("data", gather("stdout"));
      channel.stderr.setEncoding("utf8").on("data", gather("stderr"));
      channel.on("exit", (code: number | null, signal?: string) => {
        if (code === null) failure = `Process exited with signal ${signal ?? "?"}`;
        else failure = code === 0 ? undefined : `Process exited with status ${code}`;
      });
      channel.on("close", () => {
        resolve(failure === undefined ? texts : { ...texts, failure });
      });
      channel.on("error", () => undefined); // a command that does not read its stdin is free to
      channel.end(stdin);
    });
  });
}

/** Opens the file transfer of a connection. */
export function openSftp(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => {
      if (error) reject(error);
      else resolve(sftp);
    });
  });
}
