/** The whole program on the openstack target, from `up` to `destroy`, on a machine that cloud-init has set up. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { TYPES } from "../../support/providers/openstack-machine";
import {
  filesBelow,
  givenAway,
  keyNeedles,
  logsOf,
  valueNeedles,
  watchProcesses,
  type Needle,
} from "./secrets";
import {
  expectNothingLeft,
  failureOf,
  later,
  openVmStack,
  programSettings,
  type VmStack,
} from "./vm-stack";

const files = createWorkspace();
const MAIN = files.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
const EVENTS = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
afterAll(() => {
  files.remove();
});

describe("a backup on a machine in a cloud", () => {
  let stack: VmStack;
  let server: string;
  /** What was said and seen while the first `up` ran. */
  let seen: { readonly processes: string; readonly progress: string };
  const settings = (more: Readonly<Record<string, string>> = {}) =>
    programSettings(stack, { snapshot: MAIN, ...more });
  const engine = (more?: Readonly<Record<string, string>>) => stack.engine(settings(more));
  const report = () =>
    JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
  const expectProved = (name: "kubernetes-1.35-main.db" | "kubernetes-1.35-events.db") => {
    // HashKV is that of the backup's revision; the store itself moves on when its 15 s lease runs out meanwhile.
    const { live_keys: keys, revision, hashkv } = readTruth(name);
    const [snapshot, restored] = [{ revision }, { keys, hashKv: hashkv.hash }];
    expect(report()).toMatchObject({ verdict: "pass", snapshot, restored });
    expect(stack.cloud.only(TYPES.server).id, "the same machine").toBe(server);
  };
  beforeAll(() => {
    stack = openVmStack(PROJECT, { root: inject("guests")[0].root });
  });
  afterAll(async () => {
    await stack.dispose();
  });

  it("is restored and proved key by key", async () => {
    const processes = watchProcesses();
    const progress = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const result = await stack.engine(settings(), "lines").up();
    seen = { processes: processes(), progress: JSON.stringify(progress.mock.calls) };
    progress.mockRestore();

    expect(result).toMatchObject({ ok: true, failures: [] });
    server = stack.cloud.only(TYPES.server).id;
    expectProved("kubernetes-1.35-main.db");
  });

  it("has taken its time phase by phase, and says so in the report", () => {
    const phases = report().phases.map(({ name }) => name);
    expect(phases).toEqual(
      expect.arrayContaining([
        "provision",
        "install",
        "copy",
        "restore",
        "start",
        "verify",
        "life",
      ]),
    );
    for (const { name, seconds } of report().phases) {
      expect(seconds, name).toBeGreaterThanOrEqual(0);
      expect(seconds, name).toBeLessThan(120);
    }
    expect(report().phases.find(({ name }) => name === "install")?.seconds).toBeGreaterThan(0.5);
  });

  it("was restarted once after its proof, and holds what it held", () => {
    const check = report().checks.find(({ id }) => id === "life-own-restart");
    expect(check).toMatchObject({ verdict: "pass" });
  });

  it("is told in outputs by which it is reached", async () => {
    const { hashkv, revision, live_keys: keys } = readTruth("kubernetes-1.35-main.db");
    const { guest } = stack.cloud.wire;
    const outputs = await stack.outputs();
    expect(outputs).toMatchObject({
      clientEndpoint: `https://${guest}:2379`,
      snapshot: { keys, revision, hashKv: hashkv.hash },
      restored: { keys, revision, hashKv: hashkv.hash },
      verdict: "pass",
      report: stack.path("lab", "report.json"),
    });
    expect(outputs.caCertificate).toContain("BEGIN CERTIFICATE");
    expect(outputs.clientCertificate).toContain("BEGIN CERTIFICATE");
    expect(outputs.clientKey).toContain("PRIVATE KEY");
    expect(outputs.sshCommand).toMatch(/^ssh -i \S+\/ssh\/ssh-key .* restore@/);
    expect(outputs.etcdctl).toContain(`--endpoints=https://${guest}:2379 --cacert=`);
    expect(Object.keys(outputs)).toHaveLength(13);
    expect((await stack.engine().outputs()).clientKey?.secret).toBe(true);
  });

  it("gives no secret away: not in the state, user data, logs, command lines, progress or reports", async () => {
    const machine = stack.cloud.machine();
    const there = async (of: string, file: string) =>
      keyNeedles(of, await machine.run("cat", file));
    const hostKey = await there("SSH host key", "/etc/ssh/ssh_host_ed25519_key");
    const ask =
      "ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=ca.crt --cert=server.crt " +
      "--key=server.key get --prefix /registry/secrets/ -w json";
    const values = valueNeedles(
      await machine.run(
        "sh",
        "-ec",
        `cd /etc/etcd/certificates; PATH=$PATH:/usr/local/bin; ${ask}`,
      ),
    );
    expect(values.length).toBeGreaterThan(10);
    const needles: readonly Needle[] = [
      ...(await there("server key", "/etc/etcd/certificates/server.key")),
      ...(await there("peer key", "/etc/etcd/certificates/peer.key")),
      ...keyNeedles(
        "client key",
        fs.readFileSync(stack.path("lab", "client", "client.key"), "utf8"),
      ),
      ...keyNeedles("log-in key", fs.readFileSync(stack.path("lab", "ssh", "ssh-key"), "utf8")),
      ...values,
    ];
    const userData = JSON.stringify(stack.cloud.only(TYPES.server).properties.userData);
    const places = {
      state: fs.readFileSync(stack.path("work", "test.state.json"), "latin1"),
      logs: await logsOf(machine),
      "command lines": seen.processes,
      progress: seen.progress,
      "lab folder": filesBelow(stack.path("lab"), ["client.key", "ssh-key"]),
    };
    for (const [place, text] of Object.entries(places)) {
      expect(text.length, place).toBeGreaterThan(100);
      expect(givenAway(text, [...needles, ...hostKey]), place).toEqual([]);
    }
    expect(givenAway(userData, needles), "user data").toEqual([]);
    expect(userData.match(/BEGIN [A-Z ]*PRIVATE KEY/g), "the host key alone").toHaveLength(1);
  });

  it("is left alone when nothing has changed", async () => {
    const { ok, changes } = await engine().up();
    expect({ ok, changes: Object.keys(changes) }).toEqual({ ok: true, changes: ["same"] });
  });

  it("changes nothing but rules when others may come in", async () => {
    const others = { clientCidrs: '["198.51.100.0/24", "203.0.113.0/24"]' };
    const { ok, changes } = await engine(others).up();
    expect({ ok, changes: Object.keys(changes).sort() }).toEqual({
      ok: true,
      changes: ["create", "same"],
    });
    expect(changes.create).toBe(1);
  });

  it("is rebooted when that is wished for, comes up by itself, and holds what it held", async () => {
    const machine = stack.cloud.machine();
    const boot = () => machine.run("cat", "/proc/sys/kernel/random/boot_id");
    const before = await boot();
    expect(await engine({ reboot: "true" }).up()).toMatchObject({ ok: true, failures: [] });
    expect(await boot()).not.toBe(before);
    expectProved("kubernetes-1.35-main.db");
    const { hashkv } = readTruth("kubernetes-1.35-main.db");
    const check = report().checks.find(({ id }) => id === "life-reboot");
    expect(check).toMatchObject({ verdict: "pass", expected: `HashKV ${hashkv.hash}` });
  });

  it("makes place for another backup on the same machine, also after a reboot in the midst of the restore", async () => {
    await later(
      stack,
      "until [ -e /var/lib/etcd/default.restore-staging ]; do sleep 0.01; done; systemctl reboot --force --force",
    );
    const { code, message } = await failureOf(engine({ snapshot: EVENTS }));
    expect(message).toMatch(/restore\.sh|restore-[0-9a-f]+\.sh/);
    expect(code).toBe(3);

    expect(await engine({ snapshot: EVENTS }).up()).toMatchObject({ ok: true, failures: [] });
    expectProved("kubernetes-1.35-events.db");
  });

  it("is proved again when etcd was killed while it was being proved", async () => {
    // Stopped before the proof begins, so that it cannot be over too soon; killed when somebody's first words wait in vain.
    await later(
      stack,
      "until [ -e /var/lib/etcd/default.restore-staging ]; do sleep 0.01; done; " +
        "while pgrep -f 'restore-[0-9a-f]+[.]sh'; do sleep 0.01; done; pkill -STOP -x etcd; " +
        "until ss -Htn state established '( sport = :2379 )' | grep -v '^0 '; do sleep 0.01; done; " +
        "pkill -KILL -x etcd",
    );
    const { code, message } = await failureOf(engine());
    expect(message).toMatch(/exit status 3/);
    expect(code).toBe(3);

    expect(await engine().up()).toMatchObject({ ok: true, failures: [] });
    expectProved("kubernetes-1.35-main.db");
  });

  it("is proved through SSH where the client port is not open to this computer", async () => {
    const { host } = stack.cloud.wire;
    const closed = `rule add ipproto 6 sport 2379 to ${host} priority 50 blackhole`;
    await stack.cloud.machine().run("ip", ...closed.split(" "));
    expect(await engine({ verification: "standard" }).up()).toMatchObject({ ok: true });
    expectProved("kubernetes-1.35-main.db");
  });

  it("is served by another etcd on the same machine when that is wished for, and copies no more than it", async () => {
    const progress = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const { ok, failures } = await stack
      .engine(settings({ etcdVersion: "3.7", verification: "quick" }), "lines")
      .up();
    const said = JSON.stringify(progress.mock.calls);
    progress.mockRestore();
    expect({ ok, failures }).toEqual({ ok: true, failures: [] });
    expect(report().restored.etcdVersion).toMatch(/^3\.7\./);
    expect(report().checks.find(({ id }) => id === "etcd-version")).toMatchObject({
      verdict: "explained",
    });
    expectProved("kubernetes-1.35-main.db");
    expect(said).not.toContain("restore-certificates");
    const there = await stack.cloud.machine().run("ls", "/var/lib/etcd-restore/uploads");
    expect(there.trim().split("\n"), "programs and backup are gone").toEqual([
      expect.stringMatching(/^restore-[0-9a-f]{64}\.sh$/),
    ]);
  });

  it("is bumped once it is proved, where that is wished", async () => {
    const bumped = engine({ verification: "standard", bumpRevision: "1000" });
    expect(await bumped.up()).toMatchObject({ ok: true, failures: [] });
    const { revision, live_keys: keys } = readTruth("kubernetes-1.35-main.db");
    expect(report()).toMatchObject({
      verdict: "pass",
      restored: { keys, revision: revision + 1000, compactRevision: revision + 1000 },
    });
  });

  it("leaves nothing after `destroy`", async () => {
    await expectNothingLeft(stack, engine());
    expect(fs.existsSync(stack.path("lab", "client", "client.key"))).toBe(false);
    expect(fs.existsSync(stack.path("lab", "ssh", "ssh-key"))).toBe(false);
  });
});
