import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, stat } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  EtcdProgramsError,
  ensureEtcd,
  type EnsureOptions,
  type EtcdPrograms,
} from "../../../machine/programs/programs";
import { PROGRAMS } from "../../../machine/programs/probe";
import { RELEASES, pinnedRelease } from "../../../machine/programs/release";
import { platform } from "../../../machine/programs/version";
import { temporaryDirectory } from "../../support/temporary";

let real: EtcdPrograms;
let work: string;
/** A release as etcd-io packs it, made of the real programs; and what its sha256 is. */
let tarball: string;
let sha256: string;

beforeAll(async () => {
  real = await ensureEtcd("3.6");
  work = await mkdtemp(join(tmpdir(), "etcd-restore-test-"));
  const top = join(work, `etcd-v${real.version}-${platform()}`);
  await mkdir(join(top, "Documentation"), { recursive: true });
  for (const name of PROGRAMS) await copyFile(real[name], join(top, name));
  tarball = `${top}.tar.gz`;
  const pack = ["--use-compress-program", "gzip -1", "-cf", tarball, "-C", work];
  execFileSync("tar", [...pack, `etcd-v${real.version}-${platform()}`]);
  sha256 = createHash("sha256")
    .update(await readFile(tarball))
    .digest("hex");
}, 1_800_000);

afterAll(() => rm(work, { recursive: true, force: true }));

/** Serves a mirror on loopback until the test has finished; collects the paths that were asked for. */
async function mirror(answer: RequestListener): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) =>
      server.close(() => {
        resolve();
      }),
    );
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return { url: `http://127.0.0.1:${address.port}/etcd/`, asked };
}

const serveTarball: RequestListener = (_request, response) =>
  createReadStream(tarball).pipe(response);

/** Options under which only a release can help; the test's own go over them. */
async function only(more: EnsureOptions): Promise<EnsureOptions & { toolsDir: string }> {
  const empty = await temporaryDirectory();
  return {
    toolsDir: join(await temporaryDirectory(), "tools"),
    env: { PATH: empty },
    modulesDir: empty,
    checksums: { [platform()]: { [real.version]: sha256, "3.6.1": "0".repeat(64) } },
    ...more,
  };
}

/** The error that a call ends with. */
async function failureOf(call: Promise<unknown>): Promise<EtcdProgramsError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof EtcdProgramsError) return failure;
  throw new Error(`no EtcdProgramsError but ${String(failure)}`);
}

describe("a release", () => {
  it("is the newest of the minor version whose sum is pinned, on GitHub unless a mirror is set", () => {
    const sums = { [platform()]: { "3.6.9": "9", "3.6.14": "14", "3.5.33": "33" } };
    expect(pinnedRelease({ minor: "3.6" }, sums, RELEASES)).toEqual({
      version: "3.6.14",
      sha256: "14",
      url: `https://github.com/etcd-io/etcd/releases/download/v3.6.14/etcd-v3.6.14-${platform()}.tar.gz`,
    });
    expect(pinnedRelease({ minor: "3.6", exact: "3.6.9" }, sums, "http://mirror/")?.url).toBe(
      `http://mirror/v3.6.9/etcd-v3.6.9-${platform()}.tar.gz`,
    );
    expect(pinnedRelease({ minor: "3.7" }, sums, RELEASES)).toBeUndefined();
  });

  it("is downloaded, checked, unpacked and found in the cache by the next call", async () => {
    const { url, asked } = await mirror(serveTarball);
    const lines: string[] = [];
    const options = await only({ mirror: url, log: (line) => lines.push(line) });
    const programs = await ensureEtcd("3.6", options);
    const directory = join(options.toolsDir, `etcd-${real.version}-${platform()}`);
    expect(programs).toEqual({
      version: real.version,
      origin: "release",
      etcd: join(directory, "etcd"),
      etcdctl: join(directory, "etcdctl"),
      etcdutl: join(directory, "etcdutl"),
    });
    expect(asked).toEqual([`/etcd/v${real.version}/etcd-v${real.version}-${platform()}.tar.gz`]);
    expect((await readdir(directory)).sort()).toEqual([...PROGRAMS]);
    expect((await stat(programs.etcd)).mode & 0o777).toBe(0o755);
    expect(await readdir(options.toolsDir)).toEqual([`etcd-${real.version}-${platform()}`]);
    expect(lines[0]).toBe(`etcd ${real.version}: downloading ${url}${asked[0]?.slice(6) ?? ""}`);

    expect(await ensureEtcd("3.6", options)).toMatchObject({ origin: "cache" });
    expect(asked).toHaveLength(1);
  });

  it("replaces a folder of the cache whose programs do not work", async () => {
    const { url } = await mirror(serveTarball);
    const options = await only({ mirror: url });
    await mkdir(join(options.toolsDir, `etcd-${real.version}-${platform()}`), { recursive: true });
    expect(await ensureEtcd("3.6", options)).toMatchObject({ origin: "release" });
  });

  it("with another sha256 ends everything: both sums are named, nothing is kept or built", async () => {
    const { url } = await mirror((_request, response) => response.end("something else"));
    const found = createHash("sha256").update("something else").digest("hex");
    const options = await only({ mirror: url });
    const failure = await failureOf(ensureEtcd("3.6", options));
    expect(failure.message).toContain(`expected ${sha256}, found ${found}`);
    expect(failure.ways.map(({ way }) => way)).toEqual(["setting", "PATH", "cache", "release"]);
    expect(await readdir(options.toolsDir)).toEqual([]);
  });

  it("that is no tarball, though its sum is the pinned one, says so", async () => {
    const { url } = await mirror((_request, response) => response.end("no tarball"));
    const sum = createHash("sha256").update("no tarball").digest("hex");
    const checksums = { [platform()]: { [real.version]: sum } };
    const options = await only({ mirror: url, checksums });
    const failure = await failureOf(ensureEtcd("3.6", options));
    expect(failure.message).toContain("the tarball cannot be unpacked");
    expect(await readdir(options.toolsDir)).toEqual([]);
  });

  it("that holds other programs than it says is refused", async () => {
    const { url } = await mirror(serveTarball);
    const checksums = { [platform()]: { "3.6.99": sha256 } };
    const failure = await failureOf(ensureEtcd("3.6", await only({ mirror: url, checksums })));
    expect(failure.ways.find(({ way }) => way === "release")?.reason).toContain("Not found in");
  });
});

describe("a mirror that fails", () => {
  const reasonOf = (failure: EtcdProgramsError): string | undefined =>
    failure.ways.find(({ way }) => way === "release")?.reason;

  it("by an answer is named with it, and all five ways and the remedies are listed", async () => {
    const { url } = await mirror((_request, response) => response.writeHead(404).end());
    const failure = await failureOf(ensureEtcd("3.6", await only({ mirror: url })));
    expect(reasonOf(failure)).toContain("the server answers 404 Not Found");
    expect(failure.message).toMatch(
      /version 3\.6\.x.*1\. a folder that is set.*2\. PATH.*3\. the cache.*4\. the official release.*5\. go build/s,
    );
    expect(failure.message).toContain("ETCD_RESTORE_MIRROR");
  });

  it("by not being there is given up at once", async () => {
    const started = Date.now();
    const failure = await failureOf(
      ensureEtcd("3.6", await only({ mirror: "http://127.0.0.1:9" })),
    );
    expect(reasonOf(failure)).toMatch(/cannot be reached \(.+\)/);
    expect(Date.now() - started).toBeLessThan(5000);
  });

  it("by having no name is given up at once", async () => {
    const mirror = "https://mirror.invalid";
    const failure = await failureOf(ensureEtcd("3.6", await only({ mirror })));
    expect(reasonOf(failure)).toMatch(/cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/);
  });

  it("by never answering is given up after the limit", async () => {
    const { url } = await mirror(() => undefined);
    const options = await only({ mirror: url, limits: { connect: 0.3 } });
    expect(reasonOf(await failureOf(ensureEtcd("3.6", options)))).toContain(
      "no answer within 0.3 s",
    );
  });

  it("by falling silent halfway is given up after the limit and leaves nothing", async () => {
    const { url } = await mirror((_request, response) => {
      response.writeHead(200, { "content-length": "1000" }).write("half");
    });
    const options = await only({ mirror: url, limits: { stall: 0.3 } });
    const failure = await failureOf(ensureEtcd("3.6", options));
    expect(reasonOf(failure)).toContain("nothing more within 0.3 s");
    expect(await readdir(options.toolsDir)).toEqual([]);
  });

  it("can be interrupted; nothing is left", async () => {
    const stop = new AbortController();
    const { url } = await mirror((_request, response) => {
      response.writeHead(200, { "content-length": "1000" }).write("half");
      setTimeout(() => {
        stop.abort(new Error("the user has had enough"));
      }, 200);
    });
    const options = await only({ mirror: url, signal: stop.signal });
    await expect(ensureEtcd("3.6", options)).rejects.toThrow("the user has had enough");
    expect(await readdir(options.toolsDir)).toEqual([]);
  });
});
