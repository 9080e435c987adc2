/** A download from the socket to the file: whole and in order however the line brings it, and never further than it should go. */
import { createCipheriv, createHash } from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import { once } from "node:events";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { makePki } from "../../machine/pki/pki";
import { download } from "../../sources/download";
import { openLink } from "../../sources/https";
import { openIntake } from "../../sources/intake";
import { receiverOf } from "../../sources/reception";
import { openAgents } from "../../sources/web";
import { fetchLink } from "../support/fetch-link";
import { writeLargeSnapshot } from "../support/large-snapshot";
import { createRandom, type Random } from "../support/random";
import { temporaryDirectory } from "../support/temporary";
import { DB } from "./traps";

/** A database whose free pages hold what looks random: nothing of it can lie at another place unnoticed. */
async function snapshot(pages: number): Promise<Buffer> {
  const file = path.join(await temporaryDirectory(), "large.db");
  writeLargeSnapshot(file, DB, pages);
  const bytes = fs.readFileSync(file);
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16));
  cipher.update(bytes.subarray(DB.length)).copy(bytes, DB.length);
  return bytes;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function listening(server: net.Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Line {
  /** Bytes of an answer until the connection is cut. */
  readonly cutAfter: (asked: number) => number;
  readonly etag?: (asked: number) => string;
  readonly random: Random;
}

/** A server that writes answers of HTTP itself, in whatever pieces; gives its address and what was asked of it. */
async function serve(bytes: Buffer, { cutAfter, etag = () => '"one"', random }: Line) {
  const asked: string[] = [];
  const answer = async (socket: net.Socket, range: string): Promise<void> => {
    asked.push(range);
    const [, first = "0", last = ""] = /(\d+)-(\d*)/.exec(range) ?? [];
    const from = Number(first);
    const to = last === "" ? bytes.length : Number(last) + 1;
    const head =
      `HTTP/1.1 206 Partial Content\r\netag: ${etag(asked.length)}\r\ncontent-length: ${to - from}\r\n` +
      `content-range: bytes ${from}-${to - 1}/${bytes.length}\r\n\r\n`;
    const whole = Buffer.concat([Buffer.from(head), bytes.subarray(from, to)]);
    const end = Math.min(whole.length, cutAfter(asked.length));
    for (let at = 0; at < end;) {
      const piece = whole.subarray(at, Math.min(end, at + 1 + random.below(random.pick(SIZES))));
      at += piece.length;
      if (!socket.write(piece)) await once(socket, "drain");
      if (random.below(8) === 0) await delay(1);
    }
    if (end < whole.length) socket.destroy();
  };
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (request: Buffer) => {
      const range = /range: bytes=(\S+)/i.exec(request.toString())?.[1] ?? "0-";
      void answer(socket, range).catch(() => socket.destroy());
    });
  });
  return { url: `http://127.0.0.1:${await listening(server)}/etcd.db`, asked };
}
const SIZES = [100, 5_000, 100_000, 3_000_000];

const fetchFrom = (url: string) => fetchLink(url, 5000);

describe("a download", () => {
  // Below and above what another thread hashes.
  test.each(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((seed) => ({ seed, pages: seed % 2 ? 900 : 5200 })),
  )("in pieces and with cuts at random: whole and in order (seed $seed)", async (line) => {
    const random = createRandom(line.seed);
    const bytes = await snapshot(line.pages + random.below(100));
    const cutAfter = () => (random.below(3) === 0 ? Infinity : 1 + random.below(bytes.length));
    const { url, asked } = await serve(bytes, {
      random,
      cutAfter: (i) => (i < 2 ? 1e9 : cutAfter()),
    });
    const fetched = await fetchFrom(url);
    expect(fetched.sha256).toBe(sha256(bytes));
    expect(fetched.bytes.equals(bytes)).toBe(true);
    // A cut answer, and only that, was asked for again, where it had ended.
    expect(asked.filter((range) => range.endsWith("-"))).toHaveLength(1 + fetched.resumed);
  });

  test("that is cut, of an object that is another one then: refused, not blended", async () => {
    const bytes = await snapshot(5200);
    const { url, asked } = await serve(bytes, {
      random: createRandom(1),
      cutAfter: () => (asked.at(-1) === "0-" ? 9_000_000 : Infinity),
      etag: () => (/^(0-|\d+-\d+$)/.test(asked.at(-1) ?? "") ? '"one"' : '"two"'),
    });
    await expect(fetchFrom(url)).rejects.toThrow(/is not the same any more/);
    expect(asked.at(-1)).toMatch(/^8\d{6}-$/);
  });

  test("that the disk does not take is an error at once: nothing is brought behind a gap", async () => {
    const bytes = await snapshot(900);
    const { url, asked } = await serve(bytes, { random: createRandom(1), cutAfter: () => 1e9 });
    const link = openLink(new URL(url), 5000);
    onTestFinished(link.close);
    let written = 0;
    const nothing = () => undefined;
    const place = {
      ...{
        expect: nothing,
        discard: nothing,
        finish: () => ({ path: "", bytes: 0, dispose: nothing }),
      },
      write() {
        if (++written === 2) throw new Error("EIO: i/o error, write");
      },
    };
    const wanted = { path: "etcd.db", bytes: bytes.length, etag: '"one"' };
    await expect(download(link, wanted, place, { firstWaitMs: 1 })).rejects.toThrow(/EIO/);
    expect(asked.filter((range) => range.endsWith("-"))).toEqual(["0-"]);
    expect(written).toBe(2);
  });

  test("does not run ahead of the look at its beginning", async () => {
    const bytes = await snapshot(20_000);
    // A branch page behind what is looked at first leads the look there.
    let given = 0;
    let atTheLook: number | undefined;
    const server = http.createServer((request, response) => {
      const [, first = "0", last = ""] = /(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? [];
      const to = last === "" ? bytes.length : Number(last) + 1;
      response.writeHead(206, {
        ...{ etag: '"one"', "content-length": to - Number(first) },
        "content-range": `bytes ${first}-${to - 1}/${bytes.length}`,
      });
      const give = async () => {
        if (last !== "" && first !== "0") {
          await delay(500);
          atTheLook ??= given;
        }
        for (let at = Number(first); at < to; at += 1 << 16) {
          const piece = bytes.subarray(at, Math.min(to, at + (1 << 16)));
          given += piece.length;
          if (!response.write(piece)) await once(response, "drain");
        }
        response.end();
      };
      void give();
    });
    leadBehind(bytes, 1 << 20);
    const url = `http://127.0.0.1:${await listening(server)}/etcd.db`;
    await expect(fetchFrom(url)).rejects.toThrow(/page \d+/);
    expect(atTheLook).toBeGreaterThan(7_000_000);
    // Eight MiB, and what lies in the buffers of two sockets.
    expect(atTheLook).toBeLessThan(25_000_000);
  });
});

/** Says in the root page, and in both meta pages' place of it, that a bucket begins behind so many bytes: on a free page. */
function leadBehind(bytes: Buffer, from: number): void {
  const meta =
    [16, 4096 + 16].sort((a, b) =>
      Number(bytes.readBigUInt64LE(b + 48) - bytes.readBigUInt64LE(a + 48)),
    )[0] ?? 16;
  const root = Number(bytes.readBigUInt64LE(meta + 16)) * 4096;
  const element = root + 16;
  const bucket = element + bytes.readUInt32LE(element + 4) + bytes.readUInt32LE(element + 8);
  bytes.writeBigUInt64LE(BigInt(Math.ceil(from / 4096) + 1000), bucket);
}

async function receive(answer: http.IncomingMessage) {
  const length = Number(answer.headers["content-length"]);
  const receiver = receiverOf(answer);
  const parts: Buffer[] = [];
  const intake = openIntake(length, (piece) => void parts.push(Buffer.from(piece)));
  try {
    await receiver?.(intake);
    await intake.flush();
    return {
      isDirect: receiver !== undefined,
      bytes: Buffer.concat(parts),
      sha256: await intake.digest(),
    };
  } finally {
    await intake.close();
  }
}

async function get(url: URL, ca?: readonly string[]): Promise<http.IncomingMessage> {
  const agents = openAgents(ca);
  onTestFinished(agents.close);
  const request = (url.protocol === "https:" ? https : http).get(url, { agent: agents.for(url) });
  // Of a connection that breaks, its request is told as well as its answer.
  request.on("error", () => undefined);
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  return answer;
}

describe("an answer", () => {
  test("over TLS comes straight to its place", async () => {
    const bytes = await snapshot(5200);
    const { ca, server: cert, serverKey: key } = await makePki({ addresses: [], dnsNames: [] });
    const server = https.createServer({ cert, key }, (_, response) => {
      response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    });
    const url = new URL(`https://127.0.0.1:${await listening(server)}/`);
    const received = await receive(await get(url, [ca]));
    expect(received).toMatchObject({ isDirect: true, sha256: sha256(bytes) });
    expect(received.bytes.equals(bytes)).toBe(true);
  });

  test("over TLS that is given up in the middle ends there, whatever TLS has decrypted already", async () => {
    const bytes = Buffer.alloc(20 << 20, 1);
    const { ca, server: cert, serverKey: key } = await makePki({ addresses: [], dnsNames: [] });
    const server = https.createServer({ cert, key }, (_, response) => {
      response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    });
    const url = new URL(`https://127.0.0.1:${await listening(server)}/`);
    for (let most = 1; most <= 8; most++) {
      const receiver = receiverOf(await get(url, [ca]));
      let pieces = 0;
      const intake = openIntake(NaN, () => {
        if (++pieces > most) throw new Error("the disk is full");
        return undefined;
      });
      await expect(receiver?.(intake)).rejects.toThrow("the disk is full");
      expect(pieces).toBe(most + 1);
      await intake.close();
    }
  });

  test("that is there already when it is asked for is taken, and what is behind it is not", async () => {
    const server = net.createServer((socket) => {
      socket
        .on("error", () => undefined)
        .once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole, and more");
        });
    });
    const answer = await get(new URL(`http://127.0.0.1:${await listening(server)}/`));
    await delay(50);
    expect((await receive(answer)).bytes.toString()).toBe("whole");
  });

  test.each([
    ["ends early", "HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\nsome", true],
    [
      "ends early, and its connection with it",
      "HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n",
      false,
    ],
  ])("that %s is an error", async (_, said, isClean) => {
    const server = net.createServer((socket) => {
      socket
        .on("error", () => undefined)
        .once("data", () => {
          socket.write(said, () => {
            setTimeout(() => (isClean ? socket.end() : socket.resetAndDestroy()), 20);
          });
        });
    });
    const url = new URL(`http://127.0.0.1:${await listening(server)}/`);
    await expect(receive(await get(url))).rejects.toThrow(/aborted|closed|ECONNRESET/);
  });

  test("in chunks, or through a proxy, is read as a stream", async () => {
    const server = http.createServer((_, response) => {
      response.write("one");
      response.end("two");
    });
    const port = await listening(server);
    const chunked = await get(new URL(`http://127.0.0.1:${port}/`));
    expect(receiverOf(chunked)).toBeUndefined();
    expect(Buffer.concat((await chunked.toArray()) as Buffer[]).toString()).toBe("onetwo");
    process.env.http_proxy = `http://127.0.0.1:${port}`;
    onTestFinished(() => {
      delete process.env.http_proxy;
    });
    const passed = await get(new URL("http://store.example/etcd.db"));
    expect(receiverOf(passed)).toBeUndefined();
    expect(Buffer.concat((await passed.toArray()) as Buffer[]).toString()).toBe("onetwo");
  });
});
