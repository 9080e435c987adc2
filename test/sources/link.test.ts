/** Backups behind a link, and out of a pipe: what a server may do on the way, and what is never told. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as http from "node:http";
import { once } from "node:events";
import * as path from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { fetchLink } from "../support/fetch-link";
import { writeLargeSnapshot } from "../support/large-snapshot";
import { temporaryDirectory } from "../support/temporary";
import { DB } from "./traps";

const CLI = path.join(__dirname, "..", "..", "scripts", "etcd-restore.cjs");
const SECRET = "X-Amz-Signature=5up3r53cr3t";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A server on loopback; its address ends in a slash. */
async function serve(handler: Handler): Promise<string> {
  const server = http.createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/`;
}

/** Gives some bytes as a store does: with ranges and a tag. */
function store(bytes: Buffer, etag = '"one"'): Handler {
  return (request, response) => {
    response.end(bytes.subarray(...headFor(request, response, bytes, etag)));
  };
}

/** Begins an answer with the range that was asked for; gives that. */
function headFor(
  { headers }: http.IncomingMessage,
  response: http.ServerResponse,
  { length }: Buffer,
  etag: string,
): [from: number, to: number] {
  const [, from = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const first = Number(from);
  const to = last === "" ? length : Math.min(Number(last) + 1, length);
  const range = `bytes ${first}-${to - 1}/${length}`;
  response.writeHead(206, { etag, "content-range": range, "content-length": to - first });
  return [first, to];
}

function* piecesOf(bytes: Buffer, given: (length: number) => void): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1 << 16) {
    const piece = bytes.subarray(at, at + (1 << 16));
    given(piece.length);
    yield piece;
  }
}

const fetchFrom = (url: string) => fetchLink(url, 2000);

describe("a link", () => {
  test("with a signature: by GET alone, and without it in any name", async () => {
    const methods = new Set<string | undefined>();
    const give = store(DB);
    const url = await serve((request, response) => {
      methods.add(request.method);
      give(request, response);
    });
    const { bytes, name } = await fetchFrom(`${url}etcd.db?${SECRET}`);
    expect(bytes.equals(DB)).toBe(true);
    expect(name).toBe(`${url}etcd.db?…`);
    expect([...methods]).toEqual(["GET"]);
  });

  test("with a user and a password: sent as such, and to nobody else", async () => {
    const give = store(DB);
    let elsewhere: string | undefined = "not asked";
    const other = await serve((request, response) => {
      elsewhere = request.headers.authorization;
      give(request, response);
    });
    let here: string | undefined;
    const url = await serve((request, response) => {
      here = request.headers.authorization;
      response.writeHead(302, { location: `${other}etcd.db` }).end();
    });
    const { bytes, name } = await fetchFrom(url.replace("//", "//ops:p%40ss@"));
    expect(bytes.equals(DB)).toBe(true);
    expect(here).toBe(`Basic ${Buffer.from("ops:p@ss").toString("base64")}`);
    expect(elsewhere).toBeUndefined();
    expect(name).not.toMatch(/ops|p%40ss/);
  });

  test.each([
    ["in a circle", (url: string) => url, /redirects more than 5 times/],
    ["out of TLS", () => "http://example.org/etcd.db", /only https:\/\/ keeps Secrets secret/],
    ["to a file", () => "file:///etc/passwd", /which is not followed/],
    ["nowhere", () => "", /redirects/],
  ])("that redirects %s is not followed", async (_, to, words) => {
    const url = await serve((_request, response) => {
      response.writeHead(302, { location: to(url) }).end();
    });
    await expect(fetchFrom(url)).rejects.toThrow(words);
  });

  test("to a server without ranges that is cut: what is there already is compared, not written twice", async () => {
    let asked = 0;
    const url = await serve((_request, response) => {
      asked += 1;
      response.writeHead(200, { "content-length": DB.length });
      // The first is the look at its length.
      if (asked === 2) response.write(DB.subarray(0, 150_000), () => response.destroy());
      else response.end(DB);
    });
    const { bytes, resumed } = await fetchFrom(url);
    expect(bytes.equals(DB)).toBe(true);
    expect(resumed).toBe(1);
  });

  test("to a server without ranges and tags whose object changed meanwhile", async () => {
    let asked = 0;
    const url = await serve((_request, response) => {
      asked += 1;
      response.writeHead(200, { "content-length": DB.length });
      if (asked === 2) response.write(DB.subarray(0, 150_000), () => response.destroy());
      else response.end(Buffer.concat([Buffer.from("x"), DB.subarray(1)]));
    });
    await expect(fetchFrom(url)).rejects.toThrow(/changed while it was fetched/);
  });

  test("to an object that changed meanwhile, by its tag", async () => {
    let asked = 0;
    const url = await serve((request, response) => {
      asked += 1;
      store(DB, asked === 1 ? '"one"' : '"two"')(request, response);
    });
    await expect(fetchFrom(url)).rejects.toThrow(/is not the same any more/);
  });

  test("to an answer of another range than was asked for", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(206, { "content-range": `bytes 5-9/${DB.length}` }).end("xxxxx");
    });
    await expect(fetchFrom(url)).rejects.toThrow(/bytes from 0 on were asked for/);
  });

  test("to a server that says nothing any more", async () => {
    const url = await serve((request, response) => {
      if (request.headers.range === "bytes=0-0") store(DB)(request, response);
    });
    await expect(fetchFrom(url)).rejects.toThrow(/no byte for 2 s/);
  });

  test("to a login page, a list, and a damaged database: refused before the rest is fetched", async () => {
    const directory = await temporaryDirectory();
    const file = path.join(directory, "large.db");
    writeLargeSnapshot(file, DB, 10_000);
    const damaged = fs.readFileSync(file).fill(0xff, 0, 8192);
    const cut = fs.readFileSync(file).subarray(0, 30_000_000);
    for (const [bytes, words] of [
      [Buffer.from("<html>Sign in</html>"), /a web page or an XML message/],
      [Buffer.alloc(30_000_000, "item\n"), /a text file, not an etcd snapshot/],
      [damaged, /no etcd snapshot|meta page/],
      [cut, /cut short/],
      [gzipSync(Buffer.alloc(3_000_000, "item\n")), /no etcd snapshot but a text file/],
    ] as const) {
      let given = 0;
      const url = await serve((request, response) => {
        const [from, to] = headFor(request, response, bytes, '"one"');
        // As the line takes it, and no sooner.
        Readable.from(piecesOf(bytes.subarray(from, to), (length) => (given += length))).pipe(
          response,
        );
      });
      await expect(fetchFrom(url)).rejects.toThrow(words);
      if (bytes.length > 20_000_000) expect(given).toBeLessThan(15_000_000);
    }
  });
});

/** The command line in a process of its own; the server is in another one, so this may wait. */
function cli(args: readonly string[], input?: Buffer) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    env,
    ...(input && { input }),
    maxBuffer: 1 << 26,
  });
  return { code: status, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("the command line", () => {
  test("reads a pipe, packed or not", () => {
    for (const bytes of [DB, gzipSync(DB)]) {
      const { code, stdout } = cli(["inspect", "-", "--json"], bytes);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ file: "standard input", verdict: "restorable" });
    }
    expect(cli(["ls", "/registry/events/", "-"], DB).stdout).toContain("/registry/events/");
  });

  test.each([
    ["a pipe that is empty", ["inspect", "-"], Buffer.alloc(0), 2, /standard input.*empty/],
    [
      "a pipe that is cut",
      ["inspect", "-"],
      DB.subarray(0, 200_000),
      2,
      /standard input: .*cut short/,
    ],
    ["a pipe twice", ["diff", "-", "-"], DB, 2, /can be read only once/],
    ["a pipe that is to be listed", ["list", "-"], DB, 2, /a pipe cannot be listed/],
    [
      "http",
      ["inspect", `http://example.org/etcd.db?${SECRET}`],
      undefined,
      2,
      /in clear; use https/,
    ],
    [
      "another scheme",
      ["inspect", `gs://bucket/etcd.db?${SECRET}`],
      undefined,
      2,
      /not from gs:\/\//,
    ],
    [
      "nobody there",
      ["inspect", `http://127.0.0.1:9/etcd.db?${SECRET}`],
      undefined,
      3,
      /cannot be reached/,
    ],
    ["a password", ["list", "https://ops:hunter2@[::1]:9/x"], undefined, 3, /cannot be reached/],
  ] as const)("%s: said, and no secret with it", (_, args, input, code, words) => {
    const ended = cli(args, input);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(words);
    expect(ended.stdout + ended.stderr).not.toMatch(/5up3r|hunter2|ops:|\n {4}at /);
  });

  test("list says what lies there, and --expect-cluster passes over other clusters", async () => {
    const folder = await temporaryDirectory();
    const file = path.join(folder, "etcd-2026-11-22.db");
    fs.writeFileSync(file, DB);
    fs.writeFileSync(
      `${file}.json`,
      JSON.stringify({ schemaVersion: 1, takenAt: "", source: {}, kubernetes: { uid: "one" } }),
    );
    const good = cli(["list", folder, "--json", "--expect-cluster", "ONE"]);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({
      schemaVersion: 1,
      source: folder,
      chosen: file,
      backups: [
        { name: "etcd-2026-11-22.db", bytes: DB.length, complete: true, clusterUid: "one" },
      ],
      otherObjects: 0,
    });
    const other = cli(["list", folder, "--expect-cluster", "two"]);
    expect(other.code).toBe(1);
    expect(other.stdout).toContain("no: it is of another cluster: one, expected two");
  });

  test("a file of this computer loads no SDK, no HTTP, and nothing of how backups lie elsewhere", async () => {
    const folder = await temporaryDirectory();
    fs.writeFileSync(path.join(folder, "etcd.db"), DB);
    const loaded = path.join(folder, "loaded.json");
    const preload = path.join(folder, "loaded.cjs");
    fs.writeFileSync(
      preload,
      `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(loaded)}, JSON.stringify(Object.keys(require.cache))));`,
    );
    const file = path.join(folder, "etcd.db");
    spawnSync(process.execPath, ["--require", preload, CLI, "inspect", file]);
    const files = JSON.parse(fs.readFileSync(loaded, "utf8")) as string[];
    expect(files.length).toBeGreaterThan(20);
    const own = files.map((one) => path.relative(path.join(__dirname, "..", ".."), one));
    expect(own.filter((one) => /@aws-sdk|@smithy|proxy-agent/.test(one))).toEqual([]);
    expect(own.filter((one) => one.startsWith("sources/")).sort()).toEqual([
      "sources/address.ts",
      "sources/named.ts",
    ]);
  });
});
