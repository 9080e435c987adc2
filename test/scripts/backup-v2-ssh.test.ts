/** `backup --v2 --ssh`: out of the data directory of a real etcd, through the real `ssh`, as a user runs it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRestorableV2 } from "../../etcd/backup/v2/restorable";
import { openShellServer, type ShellServer } from "../machine/ssh/shell-server";
import type { EtcdServer } from "../support/etcd-server";
import { createWorkspace } from "../support/kubernetes-fixtures";
import { beginCommand } from "../support/lab";
import { startV2Server, v2Requests } from "../support/v2-store";

const files = createWorkspace();
const DATA = files.path("var/lib/etcd");
const KEYS = 70;
let machine: ShellServer;
let etcd: EtcdServer;
let config: string;

beforeAll(async () => {
  fs.mkdirSync(path.dirname(DATA), { recursive: true });
  etcd = await startV2Server(DATA, 30);
  const store = v2Requests(etcd.url);
  for (let i = 0; i < KEYS; i++) await store.put(`/registry/pods/pod-${i}`, `${i}`);
  store.close();
  for (let i = 0; i < 10; i++) await etcd.etcdctl("put", `/v3/${i}`, `value ${i}`);
  machine = await openShellServer();
  config = sshConfig(machine);
});
afterAll(async () => {
  await machine.close();
  await etcd.stop();
  files.remove();
});

/** What a user has in `~/.ssh`. */
function sshConfig({ setting }: ShellServer): string {
  const key = files.write("login.key", Buffer.from(setting.privateKey));
  fs.chmodSync(key, 0o600);
  const known = files.write("known_hosts", Buffer.from(`old-master ${setting.hostKey}\n`));
  return files.write(
    "ssh_config",
    Buffer.from(
      `Host old-master\n  HostName ${setting.host}\n  Port ${setting.port}\n  User ${setting.user}\n` +
        `  IdentityFile ${key}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${known}\n  HostKeyAlias old-master\n` +
        "  StrictHostKeyChecking yes\n  BatchMode yes\n",
    ),
  );
}

const backup = (output: string, ...more: readonly string[]) =>
  beginCommand([
    ...["backup", "--v2", "--ssh", "old-master", "--ssh-config", config],
    ...["--data-dir", DATA, "-o", output, ...more],
  ]).ended;

/** What lies where the backups go, whatever it is called. */
const left = (name: string) =>
  fs.readdirSync(files.path(".")).filter((one) => one.startsWith(name));

async function held(output: string) {
  const found = await readRestorableV2(output, output);
  if (found === undefined) throw new Error("no v2 backup");
  found.close();
  return { keys: found.store.keys.length, v3: found.v3?.live.count ?? 0 };
}

describe("while etcd runs", () => {
  it("takes nothing before it knows what is to become of the v3 keys", async () => {
    const ended = await backup(files.path("refused"));
    expect(ended.code, ended.stderr).toBe(2);
    expect(ended.stderr).toMatch(
      /an etcd runs on old-master:\/.*: stop it, or give --without-v3 and take them with `backup --endpoint`/,
    );
    expect(left("refused")).toEqual([]);
  });

  it("takes the v2 keys, also while they are being written", async () => {
    const writing = new AbortController();
    const store = v2Requests(etcd.url);
    const writer = (async () => {
      for (let i = 0; !writing.signal.aborted; i++) {
        await store.put(`/busy/${i % 50}`, `${i}`);
        await sleep(2); // some hundred in a second: more would take the computer from the backup
      }
    })();
    try {
      for (let i = 0; i < 5; i++) {
        const output = files.path(`running-${i}`);
        const ended = await backup(output, "--without-v3", "--json");
        expect(ended.code, ended.stderr).toBe(0);
        const { manifest, notes } = JSON.parse(ended.stdout) as {
          manifest: { source: object };
          notes: readonly string[];
        };
        expect(manifest.source).toMatchObject({ host: "old-master", dataDirectory: DATA });
        expect(notes).toEqual(["its v3 keys, if it has some, are left out"]);
        expect((await held(output)).keys).toBeGreaterThanOrEqual(KEYS);
        expect(left(`running-${i}`)).toEqual([`running-${i}`, `running-${i}.json`]);
      }
    } finally {
      writing.abort();
      await writer;
      store.close();
    }
  }, 120_000);
});

describe("when it is stopped", () => {
  beforeAll(async () => {
    await etcd.stop();
    await sleep(100);
  });

  it("says how many v3 keys there are, and takes nothing", async () => {
    const ended = await backup(files.path("untold"));
    expect(ended.code, ended.stderr).toBe(2);
    expect(ended.stderr).toMatch(
      /old-master:.* holds 10 keys of the v3 store too: --with-v3 takes/,
    );
    expect(left("untold")).toEqual([]);
  });

  it("takes them along", async () => {
    const ended = await backup(files.path("both.tar"), "--with-v3");
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/^source {5}old-master:\/.*, etcd 3\.5\.0$/m);
    expect((await held(files.path("both.tar"))).v3).toBe(10);
  });

  it.each([
    [
      "another folder",
      ["--data-dir", "/nowhere"],
      2,
      /on old-master: .*there is no directory \/nowhere/,
    ],
    ["a folder that is none there", ["--data-dir", "relative"], 2, /must begin with \//],
    [
      "a host that nobody knows",
      ["--ssh", "nobody.invalid"],
      3,
      /no way over SSH to nobody\.invalid/,
    ],
    ["a flag in place of a host", ["--ssh=-oProxyCommand=false"], 2, /is no HOST or USER@HOST/],
    ["a name that is taken", ["-o", DATA], 2, /is there already; name another/],
  ])("refuses %s", async (_, more, code, words) => {
    const ended = await backup(files.path("none"), ...more);
    expect(ended.code, ended.stderr).toBe(code);
    expect(ended.stderr).toMatch(words);
    expect(left("none")).toEqual([]);
  });

  it("leaves nothing when the connection is cut in the middle", async () => {
    machine.cutAt(/send-member|sh -s/);
    const ended = await backup(files.path("cut"), "--with-v3");
    machine.cutAt(/$^/);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toMatch(/no way over SSH to old-master/);
    expect(left("cut")).toEqual([]);
  });
});

it("reads as root by sudo where whoever logs in may not, and says so where that is refused", async () => {
  const folder = files.path("bin");
  fs.mkdirSync(folder);
  const locked = files.path("locked");
  fs.cpSync(path.join(__dirname, "../fixtures/v2-backup"), locked, { recursive: true });
  fs.chmodSync(locked, 0o700);
  const sudo = (text: string) => {
    fs.writeFileSync(path.join(folder, "sudo"), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  };
  // Whoever logs in is nobody; `sudo` is a stand-in, whose own rights are not the matter here.
  machine.wrap((command) => [
    ...["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"],
    ...["env", `PATH=${folder}:${process.env.PATH ?? ""}`, "sh", "-c", command],
  ]);
  try {
    sudo("echo 'sudo: a password is required' >&2; exit 1");
    const ended = await backup(files.path("not-allowed"), "--data-dir", locked);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toMatch(/may not read there, and sudo does not let him: sudo: a password/);
    expect(left("not-allowed")).toEqual([]);
    sudo(
      `printf "%s\\n" "$*" >${files.path("asked")} 2>/dev/null; echo sudo was asked >&2; exit 9`,
    );
    fs.writeFileSync(files.path("asked"), "");
    fs.chmodSync(files.path("asked"), 0o666);
    for (const one of [files.path("."), folder]) fs.chmodSync(one, 0o755);
    await backup(files.path("asked-for"), "--data-dir", locked);
    expect(fs.readFileSync(files.path("asked"), "utf8")).toBe(`-n sh -s -- ${locked} yes\n`);
  } finally {
    machine.wrap(undefined);
  }
});
