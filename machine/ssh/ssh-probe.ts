/**
 * Asks an SSH server for its host key, without logging in.
 *
 * A key exchange as in RFC 4253 and RFC 8731, up to the server's answer, which holds its key. That the server owns the
 * key is not checked here: whoever connects later does that. This is for stopping early when the key is another one.
 */
import { randomBytes } from "node:crypto";
import * as net from "node:net";
import { sshString } from "./ssh-keys";

const MESSAGE = { disconnect: 1, kexInit: 20, ecdhInit: 30, ecdhReply: 31 } as const;

/** What we offer, in the order of RFC 4253, 7.1: only what any OpenSSH of the last ten years knows. */
const OFFER = [
  "curve25519-sha256,curve25519-sha256@libssh.org",
  "ssh-ed25519",
  ...Array<string>(2).fill("aes256-ctr,aes128-ctr,aes256-gcm@openssh.com"),
  ...Array<string>(2).fill("hmac-sha2-256,hmac-sha2-512"),
  ...Array<string>(2).fill("none"),
  ...Array<string>(2).fill(""),
] as const;

/** Longer than any message up to the answer; what says it is longer is no SSH server. */
const LONGEST_PACKET = 65_536;

/**
 * The host key of an SSH server, `ssh-ed25519 AAAA…`.
 *
 * @param milliseconds limit for all of it
 * @throws Error with the reason, in a few words: not reachable, no SSH, no ed25519 key, not in time
 */
export function readHostKey(host: string, port: number, milliseconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    const end = (finish: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      finish();
    };
    const fail = (reason: string) => {
      end(() => {
        reject(new Error(reason));
      });
    };
    const timer = setTimeout(() => {
      fail(`no answer in ${milliseconds / 1000} s`);
    }, milliseconds);
    let received = Buffer.alloc(0);
    let greeted = false;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      fail(error.code ?? error.message);
    });
    socket.on("close", () => {
      fail("it closed the connection");
    });
    socket.on("connect", () => {
      socket.write("SSH-2.0-etcd_restore\r\n");
    });
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > 4 * LONGEST_PACKET) {
        fail("what answers is no SSH server");
        return;
      }
      if (!greeted) {
        // Lines of text may come before the greeting (RFC 4253, 4.2).
        const greeting = /(?:^|\n)(SSH-[^\n]*)\n/.exec(received.toString("latin1"));
        if (greeting === null) return;
        greeted = true;
        received = received.subarray(greeting.index + greeting[0].length);
        socket.write(Buffer.concat([packet(kexInit()), packet(ecdhInit())]));
      }
      try {
        const key = hostKeyIn(received);
        if (key !== undefined) {
          end(() => {
            resolve(key);
          });
        }
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
      }
    });
  });
}

/** Looks through the packets that have come; undefined as long as the answer is not among them. */
function hostKeyIn(received: Buffer): string | undefined {
  let at = 0;
  while (received.length >= at + 6) {
    const length = received.readUInt32BE(at);
    if (length < 2 || length > LONGEST_PACKET) throw new Error("what answers is no SSH server");
    if (received.length < at + 4 + length) return undefined;
    const payload = received.subarray(at + 5, at + 4 + length - received.readUInt8(at + 4));
    at += 4 + length;
    if (payload[0] === MESSAGE.disconnect) {
      throw new Error(`it refused: ${readString(payload, 5).toString("utf8").slice(0, 200)}`);
    }
    if (payload[0] === MESSAGE.ecdhReply) {
      const blob = readString(payload, 1);
      return `${readString(blob, 0).toString("latin1")} ${blob.toString("base64")}`;
    }
  }
  return undefined;
}

function readString(buffer: Buffer, at: number): Buffer {
  return buffer.subarray(at + 4, at + 4 + buffer.readUInt32BE(at));
}

function kexInit(): Buffer {
  return Buffer.concat([
    Buffer.from([MESSAGE.kexInit]),
    randomBytes(16),
    ...OFFER.map(sshString),
    Buffer.alloc(5), // no guessed packet follows; reserved
  ]);
}

/** Nothing is encrypted after it, so there is no private half: any 32 bytes are a public key of X25519 (RFC 7748, 5). */
function ecdhInit(): Buffer {
  return Buffer.concat([Buffer.from([MESSAGE.ecdhInit]), sshString(randomBytes(32))]);
}

/** Not encrypted yet: length, length of the padding, payload, padding to a multiple of 8. */
function packet(payload: Buffer): Buffer {
  const padding = 8 - ((5 + payload.length) % 8) + 8;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + padding);
  head.writeUInt8(padding, 4);
  return Buffer.concat([head, payload, randomBytes(padding)]);
}
