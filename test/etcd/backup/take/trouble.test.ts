import { execFile as execFileCallback, execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { askMembers } from "../../../../etcd/backup/take/ask-members";
import { compareMembers } from "../../../../etcd/backup/take/compare-members";
import { chooseMember } from "../../../../etcd/backup/take/choose-member";
import { takeBackup } from "../../../../etcd/backup/take/take-backup";
import type { TakeRequest } from "../../../../etcd/backup/take/take-request";
import { openMember } from "../../../../etcd/client/member-client";
import { makePki } from "../../../../machine/pki/pki";
import { exitCodeOfError } from "../../../../scripts/errors";
import type { Endpoint } from "../../../../etcd/client/endpoint";
import { makeNodes, startCluster } from "../../../support/etcd-cluster";
import { programsOf } from "../../../support/etcd-server";
import { temporaryDirectory } from "../../../support/temporary";
import { server } from "../../proof/stores";

const execFile = promisify(execFileCallback);

/** A way to a server that is cut after so many bytes of its answers. */
async function cutAfter(url: string, bytes: number): Promise<string> {
  const { port } = new URL(url);
  const proxy = net.createServer((near) => {
    const far = net.connect(Number(port), "127.0.0.1");
    let passed = 0;
    near.pipe(far);
    far.on("data", (part) => {
      const rest = bytes - passed;
      passed += part.length;
      if (rest <= 0) return;
      near.write(part.subarray(0, rest));
      if (passed >= bytes) {
        near.destroy();
        far.destroy();
      }
    });
    for (const socket of [near, far]) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    proxy.close();
  });
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

/** Tries to take a backup; gives how it failed and what lies there afterwards. */
async function fail(endpoint: Endpoint) {
  const directory = await temporaryDirectory();
  const client = openMember(endpoint);
  try {
    const members = await askMembers([{ endpoint: endpoint.url, client }]);
    const { client: source } = chooseMember(members, undefined);
    await takeBackup({ source, from: {}, file: join(directory, "backup.db") });
  } catch (error) {
    return { said: String(error), code: exitCodeOfError(error), left: readdirSync(directory) };
  } finally {
    client.close();
  }
  return { said: "taken", code: 0, left: readdirSync(directory) };
}

describe("a backup that cannot be taken says why and leaves nothing", { timeout: 180_000 }, () => {
  it("when its stream is cut, at any of twenty places", async () => {
    const source = await server({ version: "3.6" });
    for (let i = 0; i < 40; i++) await source.etcdctl("put", `/big/${i}`, "x".repeat(20_000));
    const whole = 800_000;
    for (let place = 1; place <= 20; place++) {
      const url = await cutAfter(source.url, 3000 + Math.floor((whole * place) / 20));
      const { said, code, left } = await fail({ url });
      expect(said, String(place)).toMatch(/was lost|not answer|closed/);
      expect({ code, left }).toEqual({ code: 3, left: [] });
    }
  });

  it("with a certificate that is not its, no certificate, or a wrong password", async () => {
    const source = await server({ tls: true });
    const { tls, url } = source.endpoint;
    if (tls === undefined) throw new Error("no TLS");
    const stranger = await makePki({ addresses: [], dnsNames: [] });
    const { client: certificate, clientKey: key } = stranger;
    const cases: readonly (readonly [Endpoint, RegExp])[] = [
      [{ url, tls: { ...tls, ca: stranger.ca } }, /is not to be trusted/],
      [{ url, tls: { ...tls, certificate, key } }, /refused our client certificate/],
      [{ url, tls: { ca: tls.ca } }, /refused our client certificate/],
      [{ url: url.replace("https", "http") }, /does not speak etcd's protocol/],
    ];
    for (const [endpoint, message] of cases) {
      const { said, code, left } = await fail(endpoint);
      expect(said).toMatch(message);
      expect({ code, left }).toEqual({ code: 3, left: [] });
    }
    await source.etcdctl("user", "add", "root:right");
    await source.etcdctl("user", "grant-role", "root", "root");
    await source.etcdctl("auth", "enable");
    const { said, left } = await fail({ ...source.endpoint, username: "root", password: "wrong" });
    expect(said).toMatch(/authentication failed/);
    expect(left).toEqual([]);
    const good = await fail({ ...source.endpoint, username: "root", password: "right" });
    expect(good).toMatchObject({ code: 0, left: ["backup.db", "backup.db.json"] });
  });

  it("with a certificate that has expired", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2001-02-03") });
    const old = await makePki({ addresses: [], dnsNames: [] });
    vi.useRealTimers();
    const source = await server({ tls: old });
    const { said, code, left } = await fail(source.endpoint);
    expect(said).toMatch(/is not to be trusted.*expired/);
    expect({ code, left }).toEqual({ code: 3, left: [] });
  });

  it("with a certificate of ours that has expired", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2001-02-03") });
    const old = await makePki({ addresses: [], dnsNames: [] });
    vi.useRealTimers();
    const fresh = await makePki({ addresses: [], dnsNames: [] });
    // A server that knows whose it is: only its time speaks against it.
    const source = await server({ tls: { ...fresh, ca: `${fresh.ca}${old.ca}` } });
    const tls = { ca: fresh.ca, certificate: old.client, key: old.clientKey };
    const { said, code, left } = await fail({ url: source.url, tls });
    expect(said).toMatch(/refused our client certificate/);
    expect({ code, left }).toEqual({ code: 3, left: [] });
  });

  it("of a learner, which is told from the members that vote", async () => {
    const [voter] = await startCluster(1);
    const [learner] = await makeNodes(1, "3.6", 2);
    if (voter === undefined || learner === undefined) throw new Error("no nodes");
    const { etcdctl } = await programsOf("3.6");
    const add = ["member", "add", learner.name, "--learner", `--peer-urls=${learner.peerUrl}`];
    await execFile(etcdctl, [`--endpoints=${voter.url}`, ...add]);
    const cluster = [voter, learner].map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
    await learner.start("existing", cluster);
    const { said, code, left } = await fail({ url: learner.url });
    expect(said).toMatch(/no member is fit.*\n.*it is a learner, which does not yet hold all/);
    expect({ code, left }).toEqual({ code: 1, left: [] });
    // Beside one that votes it is passed over, and no alarm.
    const candidates = [learner, voter].map(({ url }) => ({
      endpoint: url,
      client: openMember({ url }),
    }));
    onTestFinished(() => {
      for (const { client } of candidates) client.close();
    });
    const { members, disagreement } = await compareMembers(await askMembers(candidates));
    expect(chooseMember(members, disagreement).endpoint).toBe(voter.url);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "onto a disk that is too small, or gets full while it comes (needs root, to mount a small disk)",
    async () => {
      const source = await server();
      for (let i = 0; i < 200; i++) await source.etcdctl("put", `/big/${i}`, "x".repeat(50_000));
      const client = openMember(source.endpoint);
      const disk = await temporaryDirectory();
      onTestFinished(() => {
        client.close();
      });
      const take = async (mib: number, onProgress?: TakeRequest["onProgress"]) => {
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "etcd-restore-test", disk]);
        try {
          const file = join(disk, "backup.db");
          const taking = takeBackup({
            source: client,
            from: {},
            file,
            ...(onProgress && { onProgress }),
          });
          const error: unknown = await taking.then(
            () => undefined,
            (reason: unknown) => reason,
          );
          return { said: String(error), code: exitCodeOfError(error), left: readdirSync(disk) };
        } finally {
          execFileSync("umount", [disk]);
        }
      };
      const small = await take(8);
      expect(small.said).toMatch(
        /no room for it: the snapshot takes .*, the disk of .* has .* free/,
      );
      expect(small).toMatchObject({ code: 3, left: [] });
      const filler = join(disk, "filler");
      const full = await take(100, () => {
        if (existsSync(filler)) return;
        expect(() => {
          writeFileSync(filler, Buffer.alloc(120 * 2 ** 20));
        }).toThrow("ENOSPC");
      });
      expect(full.said).toMatch(/disk .*full/);
      expect(full).toMatchObject({ code: 3, left: ["filler"] });
      expect((await take(100)).left).toEqual(["backup.db", "backup.db.json"]);
    },
  );

  it("out of a store in alarm NOSPACE, unless the member is named", async () => {
    const source = await server({ flags: ["--quota-backend-bytes", "200000"] });
    let refusals = 0;
    for (let i = 0; i < 60 && refusals === 0; i++) {
      await source.etcdctl("put", `/big/${i}`, "x".repeat(10_000)).catch(() => {
        refusals += 1;
      });
    }
    expect(refusals).toBe(1);
    const { said, code, left } = await fail(source.endpoint);
    expect(said).toMatch(/no member is fit.*\n.*alarm NOSPACE.*disarm/);
    expect({ code, left }).toEqual({ code: 1, left: [] });
    const client = openMember(source.endpoint);
    onTestFinished(() => {
      client.close();
    });
    const members = await askMembers([{ endpoint: source.url, client }]);
    const file = join(await temporaryDirectory(), "backup.db");
    await takeBackup({ source: chooseMember(members, undefined, "test").client, from: {}, file });
    expect(existsSync(file)).toBe(true);
  });

  it("when nothing listens there any more", async () => {
    const source = await server();
    await source.stop();
    expect(await fail(source.endpoint)).toMatchObject({ code: 3, left: [] });
  });
});
