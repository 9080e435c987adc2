import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { readHostKey } from "../../../machine/ssh/ssh-probe";
import { makeSshKey, sshString, withoutComment } from "../../../machine/ssh/ssh-keys";
import { TYPESCRIPT } from "../../support/typescript";

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Listens on a free port of 127.0.0.1 and does to each connection what it is told. */
async function listen(serve: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function packet(payload: Buffer): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 4]);
  head.writeUInt32BE(payload.length + 5);
  return Buffer.concat([head, payload, Buffer.alloc(4)]);
}

const key = withoutComment(makeSshKey("x").publicKey);
const blob = Buffer.from(key.split(" ")[1] ?? "", "base64");
const reply = packet(
  Buffer.concat([Buffer.from([31]), sshString(blob), sshString("q"), sshString("signature")]),
);
const kexInit = packet(Buffer.concat([Buffer.from([20]), Buffer.alloc(30)]));

describe("readHostKey", () => {
  it("finds the key in the server's answer, after lines of text, however the bytes are cut", async () => {
    const bytes = Buffer.concat([Buffer.from("hello\r\nSSH-2.0-x y\r\n"), kexInit, reply]);
    const port = await listen((socket) => {
      socket.setNoDelay(true);
      // One timer after another: of several at once Node may swap two that are due together.
      void (async () => {
        for (const byte of bytes) {
          socket.write(Buffer.from([byte]));
          await sleep(1);
        }
      })();
    });
    expect(await readHostKey("127.0.0.1", port, 10_000)).toBe(key);
  });

  it.each([
    ["closes", (socket: net.Socket) => socket.end(), /closed the connection/],
    ["says nothing", () => undefined, /no answer in 0\.3 s/],
    [
      "stops in the middle",
      (socket: net.Socket) => socket.write("SSH-2.0-x\r\n"),
      /no answer in 0\.3 s/,
    ],
    [
      "is no SSH server",
      (socket: net.Socket) => socket.write(Buffer.alloc(300_000, "x")),
      /no SSH server/,
    ],
    [
      "sends rubbish after its greeting",
      (socket: net.Socket) => socket.write("SSH-2.0-x\r\nHTTP/1.1 400 Bad Request\r\n"),
      /no SSH server/,
    ],
    [
      "has no ed25519 key",
      (socket: net.Socket) =>
        socket.write(
          Buffer.concat([
            Buffer.from("SSH-2.0-x\r\n"),
            packet(
              Buffer.concat([
                Buffer.from([1, 0, 0, 0, 3]),
                sshString("no matching host key type"),
                sshString(""),
              ]),
            ),
          ]),
        ),
      /refused: no matching host key type/,
    ],
  ])("says so when what answers %s", async (_what, serve, message) => {
    const port = await listen(serve);
    await expect(readHostKey("127.0.0.1", port, 300)).rejects.toThrow(message);
  });

  it("says so when nothing answers", async () => {
    const port = await listen(() => undefined);
    await cleanups.pop()?.();
    await expect(readHostKey("127.0.0.1", port, 5_000)).rejects.toThrow("ECONNREFUSED");
  });
});

const sshd = ["/usr/sbin/sshd"].find((file) => fs.existsSync(file));

/** sshd does not begin without it (sshd(8)); what starts it as a service makes it, and nobody does where it is only installed. */
function makePrivilegeSeparationFolder(): void {
  const folder = "/run/sshd";
  if (process.getuid?.() !== 0 || fs.existsSync(folder)) return;
  fs.mkdirSync(folder, { mode: 0o755 });
  cleanups.push(() => {
    fs.rmdirSync(folder);
  });
}

describe("with a real sshd (left out where none is installed)", () => {
  it.runIf(sshd !== undefined)("reads its host key", async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sshd-"));
    cleanups.push(() => {
      fs.rmSync(directory, { recursive: true, force: true });
    });
    makePrivilegeSeparationFolder();
    const own = makeSshKey("sshd");
    fs.writeFileSync(path.join(directory, "key"), own.privateKey, { mode: 0o600 });
    const port = await listen((socket) => {
      const server = spawn(
        sshd ?? "",
        ["-i", "-f", "/dev/null", "-h", path.join(directory, "key")],
        {
          stdio: ["pipe", "pipe", "ignore"],
        },
      );
      server.on("error", () => socket.destroy());
      socket.pipe(server.stdin);
      server.stdout.pipe(socket);
      socket.on("close", () => server.kill());
    });
    expect(await readHostKey("127.0.0.1", port, 10_000)).toBe(withoutComment(own.publicKey));
  });
});

describe("scripts/steps/wait-for-ssh.ts", () => {
  const wait = (...args: readonly (string | number)[]) =>
    new Promise<{ status: number | null; stderr: string }>((resolve) => {
      const script = path.join(__dirname, "../../../scripts/steps/wait-for-ssh.ts");
      const child = spawn(process.execPath, ["--require", TYPESCRIPT, script, ...args.map(String)]);
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      child.on("close", (status) => {
        resolve({ status, stderr });
      });
    });
  const serveKey = (socket: net.Socket) =>
    socket.write(Buffer.concat([Buffer.from("SSH-2.0-x\r\n"), kexInit, reply]));
  const blobText = blob.toString("base64");

  it("waits for a machine that boots: one that closes the connection is asked again", async () => {
    let attempts = 0;
    const port = await listen((socket) => {
      attempts += 1;
      if (attempts === 1) socket.destroy();
      else serveKey(socket);
    });
    expect(await wait("127.0.0.1", port, 30, blobText)).toEqual({ status: 0, stderr: "" });
    expect(attempts).toBe(2);
  });

  it("ends with 3 and both keys when it is another machine", async () => {
    const port = await listen(serveKey);
    const { status, stderr } = await wait("127.0.0.1", port, 30, "AAAAother");
    expect(status).toBe(3);
    expect(stderr).toContain(key);
    expect(stderr).toContain("expected ssh-ed25519 AAAAother");
  });

  it("ends with 3 when nothing answers in time, with the last reason", async () => {
    const port = await listen(() => undefined);
    await cleanups.pop()?.();
    const { status, stderr } = await wait("127.0.0.1", port, 1, blobText);
    expect(status).toBe(3);
    expect(stderr).toMatch(
      /no SSH at 127\.0\.0\.1:\d+ in 1 s; the last attempt: ECONNREFUSED.*sshCidrs/,
    );
  });

  it("refuses wrong use", () => {
    const script = path.join(__dirname, "../../../scripts/steps/wait-for-ssh.ts");
    expect(spawnSync(process.execPath, ["--require", TYPESCRIPT, script, "host"]).status).toBe(2);
  });
});

// Does not prove: that the server owns the key that it shows; whoever connects checks that.
