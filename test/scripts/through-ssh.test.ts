/** Not proved here: a port that swallows connections, and a real sshd (test/acceptance/machine). */
import { spawnSync } from "node:child_process";
import * as net from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Access, throughSsh } from "../../scripts/through-ssh";
import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { openBastion, type TestBastion } from "../../labs/machine/bastion";
import { freePorts } from "../support/ports";

const never = new AbortController().signal;
const ssh = spawnSync("ssh", ["-V"]).error === undefined;
let machine: TestBastion;
let bastion: TestBastion;
let etcd: EtcdServer;
let url: string;
beforeAll(async () => {
  machine = await openBastion();
  bastion = await openBastion();
  etcd = await startEtcdServer();
  url = etcd.url;
});
afterAll(async () => {
  await etcd.stop();
  await machine.close();
  await bastion.close();
});

/** Which way the work was led. */
const way = (route: Parameters<typeof throughSsh>[1]) =>
  throughSsh({ url }, route, never, (endpoint) => Promise.resolve(endpoint));

describe("the way to an etcd", () => {
  it("is direct without SSH, and with it where the port answers", async () => {
    expect(await way(undefined)).toEqual({ url });
    expect(await way(machine.setting)).toEqual({ url });
    expect(machine.led).toEqual([]);
  });

  it.runIf(ssh)("is SSH behind a bastion, said on stderr without any key", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const { socketPath } = await way({ ...machine.setting, proxy: bastion.setting });
    const said = String(stderr.mock.calls);
    stderr.mockRestore();
    expect(socketPath).toMatch(/etcd-restore-ssh-/);
    expect(bastion.led).toEqual([`127.0.0.1:${machine.setting.port}`]);
    expect(said).toBe(`${url}: asking through SSH of 127.0.0.1 behind 127.0.0.1\n`);
  });

  it.runIf(ssh)("waits at the end of SSH for an etcd that is being started again", async () => {
    const [port = 0] = await freePorts(1);
    const restarted = net.createServer((socket) => {
      socket
        .on("error", () => undefined)
        .pipe(net.connect(Number(new URL(url).port)))
        .pipe(socket);
    });
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const waiting = throughSsh(
      { url: `http://127.0.0.1:${port}` },
      { ...machine.setting, proxy: bastion.setting },
      never,
      () => Promise.resolve(restarted.listening),
    );
    await vi.waitUntil(() => String(stderr.mock.calls).includes("nothing listens there"), 10_000);
    restarted.listen(port, "127.0.0.1");
    expect(await waiting).toBe(true);
    stderr.mockRestore();
    restarted.close();
  });

  it("is read from stdin, without what only the command provider wants to know", () => {
    const hop = { ...machine.setting, dialErrorLimit: 20, perDialTimeout: 15 };
    const { ssh: route, password } = Access.parse({ ssh: { ...hop, proxy: hop } });
    expect(route).toEqual({ ...machine.setting, proxy: machine.setting });
    expect(password).toBeUndefined();
  });
});
