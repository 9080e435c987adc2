/** Not proved here: a real sshd, and a machine behind a bastion (test/acceptance/machine). */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { makeSshKey } from "../../../machine/ssh/ssh-keys";
import type { SshRoute } from "../../../machine/ssh/ssh-files";
import { openTunnel } from "../../../machine/ssh/ssh-tunnel";
import { openBastion, type TestBastion } from "../../../labs/machine/bastion";

const never = new AbortController().signal;
let there: TestBastion;
let server: net.Server;
let port: number;
let temporary: string;
beforeAll(async () => {
  temporary = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-tunnel-"));
  vi.stubEnv("TMPDIR", temporary); // so that no other test's files are looked at
  there = await openBastion();
  server = net.createServer((socket) => socket.end("from there"));
  port = await new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
});
afterAll(async () => {
  server.close();
  await there.close();
  vi.unstubAllEnvs();
  fs.rmSync(temporary, { recursive: true });
});

const leftovers = () => fs.readdirSync(temporary);

function read(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect({ path: socketPath });
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    socket.once("error", reject);
    socket.once("close", () => {
      resolve(text);
    });
  });
}

const ssh = spawnSync("ssh", ["-V"]).error === undefined;

describe.runIf(ssh)("openTunnel (left out where there is no ssh)", () => {
  it("leads to the port through SSH, keeps no key while it is open and nothing when it is closed", async () => {
    const before = leftovers();
    const tunnel = await openTunnel(there.setting, port, never);
    expect(await read(tunnel.socketPath)).toBe("from there");
    expect(there.led).toEqual([`127.0.0.1:${port}`]);
    const folder = tunnel.socketPath.replace(/\/[^/]*$/, "");
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
    expect(fs.readdirSync(folder).filter((name) => name.endsWith(".key"))).toEqual([]);
    await tunnel.close();
    expect(leftovers()).toEqual(before);
  });

  it("goes through a bastion, with the host key and the log-in key of each", async () => {
    const behind = await openBastion();
    try {
      const route: SshRoute = { ...behind.setting, proxy: there.setting };
      const tunnel = await openTunnel(route, port, never);
      expect(await read(tunnel.socketPath)).toBe("from there");
      expect(there.led).toContain(`127.0.0.1:${behind.setting.port}`);
      expect(behind.led).toEqual([`127.0.0.1:${port}`]);
      await tunnel.close();
    } finally {
      await behind.close();
    }
  });

  it.each([
    ["another host key", { hostKey: makeSshKey("other").publicKey }, /host key|verification/i],
    ["another log-in key", { privateKey: makeSshKey("other").privateKey }, /Permission denied/],
    ["nobody there", { port: 1 }, /Connection refused/],
  ])("refuses %s with what ssh said, and leaves nothing", async (_what, wrong, said) => {
    const before = leftovers();
    const opening = openTunnel({ ...there.setting, ...wrong }, port, never);
    await expect(opening).rejects.toMatchObject({
      kind: "environment",
      message: expect.stringMatching(said) as string,
    });
    await expect(opening).rejects.toThrow(`no way over SSH to port ${port} of 127.0.0.1: `);
    expect(leftovers()).toEqual(before);
  });
});
