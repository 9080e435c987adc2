import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensureEtcd } from "../../../machine/programs/programs";
import { makeFolder, makeLab, processesIn, removeFolder, run, unpackSamples } from "../lab";
import type { Lab, Sample } from "../lab";

const INSTALL_LIMIT = 900_000;

let folder: string;
let lab: Lab;
let main: Sample;
let events: Sample;
let programs: string;

beforeAll(async () => {
  programs = path.dirname((await ensureEtcd("3.6")).etcd);
}, INSTALL_LIMIT);

beforeEach(async () => {
  folder = makeFolder();
  ({ main, events } = unpackSamples(folder));
  lab = await makeLab(folder, { programs });
});

afterEach(() => {
  removeFolder(folder);
});

/** Restores, expecting it to go well. */
async function restored(
  sample: Sample,
  ...more: readonly string[]
): Promise<Record<string, unknown>> {
  const ended = await run(lab.restoreArgv(sample, ...more));
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** The main sample with the lowest bit of a value flipped (the value of a ConfigMap; fixtures' README), or also cut. */
function damaged(bytes = fs.statSync(main.file).size): Sample {
  const damage = fs.readFileSync(main.file).subarray(0, bytes);
  damage.writeUInt8(damage.readUInt8(271178) ^ 1, 271178);
  const file = path.join(folder, "damaged.db");
  fs.writeFileSync(file, damage);
  return { ...main, file, sha256: sha256(damage) };
}

describe.each(["3.5", "3.6", "3.7"])("restore.sh with etcd %s", (minor) => {
  beforeAll(async () => {
    await ensureEtcd(minor);
  }, INSTALL_LIMIT);

  it("restores a backup, proves it, serves it over mTLS, and leaves it alone the second time", async () => {
    const { etcd, version } = await ensureEtcd(minor);
    lab = await makeLab(fs.mkdtempSync(path.join(folder, "lab-")), {
      programs: path.dirname(etcd),
    });
    const result = await restored(main);
    expect(result).toMatchObject({
      restored: true,
      sha256: main.sha256,
      revision: 482,
      dataDir: lab.data,
      aside: null,
      etcdVersion: version,
      restoredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      proof: "proved: HashKV at revision 482 is 1992026518, as in the file",
    });
    expect(lab.hashKv(482)).toBe(main.hashKv);
    expect(lab.token()).toMatch(/^[0-9a-f]{8}-/);
    expect(fs.statSync(lab.data).mode & 0o777).toBe(0o700);
    const pid = lab.pid();
    const token = lab.token();

    // Also when it was there already: its leases run since then.
    const { restoredAt } = result;
    expect(await restored(main)).toMatchObject({ restored: false, revision: 482, restoredAt });
    expect(lab.pid()).toBe(pid);
    expect(lab.token()).toBe(token);
    expect(lab.beside()).toEqual([]);
  });
});

describe("what restore.sh does with data that is there", () => {
  it("makes none when the first restore is refused, and starts nothing", async () => {
    const ended = await run(lab.restoreArgv({ ...main, hashKv: 1 }));
    expect(ended.code).toBe(1);
    expect(fs.existsSync(lab.data)).toBe(false);
    expect(processesIn(folder)).toEqual([]);
  });

  it("moves it aside for another backup, and keeps the newest only", async () => {
    await restored(main);
    const first = lab.token();
    const second = await restored(events, "--keep", "1");
    expect(lab.hashKv(320)).toBe(events.hashKv);
    expect(lab.token()).not.toBe(first);
    const third = await restored(main, "--keep", "1");
    expect(lab.hashKv(482)).toBe(main.hashKv);
    expect(lab.beside()).toEqual([path.basename(String(third.aside))]);
    expect(second.aside).not.toBe(third.aside);
  });

  it("keeps what it did not restore itself, however old", async () => {
    const foreign = path.join(lab.data, "member", "wal", "0.wal");
    fs.mkdirSync(path.dirname(foreign), { recursive: true });
    fs.writeFileSync(foreign, "somebody's");
    const { aside } = await restored(main, "--keep", "0");
    await restored(events, "--keep", "0");
    expect(lab.hashKv(320)).toBe(events.hashKv);
    expect(lab.beside()).toEqual([path.basename(String(aside))]);
    expect(fs.readFileSync(path.join(String(aside), "member", "wal", "0.wal"), "utf8")).toBe(
      "somebody's",
    );
  });

  it("refuses a directory that holds no etcd data", async () => {
    fs.mkdirSync(lab.data);
    fs.writeFileSync(path.join(lab.data, "thesis.txt"), "");
    const ended = await run(lab.restoreArgv(main));
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain("holds something that is no etcd data");
    expect(fs.readdirSync(lab.data)).toEqual(["thesis.txt"]);
  });

  it("refuses data on which another etcd runs", async () => {
    await restored(main);
    const pid = lab.pid();
    fs.rmSync(path.join(folder, "etcd.pid")); // now it is nobody's that the service knows
    const ended = await run(lab.restoreArgv(events));
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain("another etcd runs on");
    expect(fs.existsSync(`/proc/${String(pid)}`)).toBe(true);
    expect(lab.hashKv(482)).toBe(main.hashKv);
  });

  it("starts a restored member again that somebody killed", async () => {
    await restored(main);
    const pid = lab.pid();
    process.kill(Number(pid), "SIGKILL");
    const again = await run(lab.restoreArgv(main));
    expect(again).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({ restored: false });
    expect(lab.hashKv(482)).toBe(main.hashKv);
    expect(lab.pid()).not.toBe(pid);
  });

  it("restores again when the data that it restored has been broken since", async () => {
    await restored(main);
    await lab.control("stop");
    fs.truncateSync(path.join(lab.data, "member", "snap", "db"), 8192);
    expect(await restored(main)).toMatchObject({ restored: true });
    expect(lab.hashKv(482)).toBe(main.hashKv);
  });
});

describe("what restore.sh never serves", () => {
  // One lab for all: what they try must not change anything in it.
  let serving: Lab;
  beforeAll(async () => {
    const shared = makeFolder();
    serving = await makeLab(shared, { programs });
    const ended = await run(serving.restoreArgv(unpackSamples(shared).events));
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    return () => {
      removeFolder(shared);
    };
  });

  beforeEach(() => {
    lab = serving;
  });

  /** Leaves the old etcd as it was: the same process, the same data. */
  async function leavesTheOldServing(argv: [string, ...string[]], code: number, says: string) {
    const [pid, token] = [lab.pid(), lab.token()];
    const ended = await run(argv);
    expect(ended, ended.stderr).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect([lab.pid(), lab.token()]).toEqual([pid, token]);
    expect(lab.hashKv(events.revision)).toBe(events.hashKv);
    expect(processesIn(lab.folder)).toEqual([pid]);
  }

  /** The only directory that was quarantined, which is then taken away. */
  function quarantined(): string {
    const names = lab.beside();
    expect(names).toEqual([expect.stringMatching(/^data\.quarantine-\d{8}T\d{6}Z$/)]);
    const name = path.join(lab.folder, String(names[0]));
    fs.renameSync(name, path.join(folder, "quarantined"));
    return path.join(folder, "quarantined");
  }

  it("a file with another sha256: both are told", async () => {
    const wrong = "0".repeat(64);
    const says = `its sha256 is ${main.sha256}, expected ${wrong}`;
    await leavesTheOldServing(lab.restoreArgv({ ...main, sha256: wrong }), 3, says);
    expect(lab.beside()).toEqual([]);
  });

  it("a store whose HashKV is another: it is quarantined", async () => {
    const argv = lab.restoreArgv({ ...main, hashKv: 1 });
    await leavesTheOldServing(argv, 1, "HashKV at revision 482 is 1992026518, expected 1");
    expect(fs.existsSync(path.join(quarantined(), "member", "snap", "db"))).toBe(true);
  });

  it("a store that does not reach the revision: it is quarantined", async () => {
    const argv = lab.restoreArgv({ ...main, revision: 5000 });
    await leavesTheOldServing(argv, 1, "etcd does not hold revision 5000");
    quarantined();
  });

  it("a raw db with one flipped bit, though nothing in the file itself can tell", async () => {
    const withoutTrailer = fs.statSync(main.file).size - 32;
    const argv = lab.restoreArgv(damaged(withoutTrailer));
    await leavesTheOldServing(argv, 1, "expected 1992026518: kept in");
    quarantined();
  });

  it("a snapshot with one flipped bit", async () => {
    await leavesTheOldServing(lab.restoreArgv(damaged()), 3, "etcdutl could not restore");
    expect(lab.beside()).toEqual([]);
  });

  it("a file that is not there, and settings that are not right", async () => {
    const argv = lab.restoreArgv({ ...main, file: path.join(folder, "none.db") });
    await leavesTheOldServing(argv, 2, "cannot read a file");
    const cases: readonly (readonly [readonly string[], string])[] = [
      [["--sha256", "XYZ"], '--sha256 is "XYZ"'],
      [["--keep", "two"], '--keep is "two"'],
      [["--frob", "1"], "unknown flag --frob"],
      [["--owner"], "--owner needs a value"],
      [["--environment", "/none"], "there is no file /none"],
    ];
    for (const [flags, says] of cases) {
      const ended = await run(lab.restoreArgv(main, ...flags));
      expect(ended.code, ended.stderr).toBe(2);
      expect(ended.stderr).toContain(says);
    }
  });
});

describe("what restore.sh proves before it serves", () => {
  it("no store of which etcd says another compaction than the file: the old one serves on", async () => {
    await restored(events);
    const pid = lab.pid();
    const ended = await run(lab.restoreArgv({ ...main, compactRevision: 400 }));
    expect(ended, ended.stderr).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toContain(
      "it cannot be proved: etcd hashed what it holds since its compaction at revision 424, the file was hashed since 400",
    );
    expect([lab.pid(), lab.hashKv(320)]).toEqual([pid, events.hashKv]);
    expect(lab.beside()).toEqual([]);
  });

  it("a store of which etcd says the other compaction that it was told of", async () => {
    const other = ["--or-hashkv", `424:${main.hashKv}`];
    const { proof } = await restored({ ...main, compactRevision: 400, hashKv: 1 }, ...other);
    expect(proof).toBe("proved: HashKV at revision 482 is 1992026518, as in the file");
    const ended = await run(lab.restoreArgv(events, "--or-hashkv", "424"));
    expect(ended).toMatchObject({ code: 2, stdout: "" });
  });

  describe("with authentication on", () => {
    /** A backup of the main sample with authentication on; `root` is how the user root is added. */
    async function withAuthentication(...root: readonly string[]): Promise<Sample> {
      await restored(main);
      lab.etcdctl("user", "add", ...root);
      lab.etcdctl("user", "grant-role", "root", "root");
      lab.etcdctl("auth", "enable");
      const file = path.join(folder, "auth.db");
      const asRoot = [`--cert=${lab.root.certificate}`, `--key=${lab.root.key}`];
      lab.etcdctl(...asRoot, "snapshot", "save", file);
      return { ...main, file, sha256: sha256(fs.readFileSync(file)) };
    }
    const asRoot = () => [
      ...["--root-certificate", lab.root.certificate, "--root-key", lab.root.key],
    ];

    it.each([
      ["a password", ["root:secret"]],
      ["no password at all", ["root", "--no-password"]],
    ])("it is proved by a certificate named root, where root has %s", async (_what, root) => {
      const backup = await withAuthentication(...root);
      const { proof } = await restored(backup, ...asRoot());
      expect(proof).toBe("proved: HashKV at revision 482 is 1992026518, as in the file");
      expect(() => lab.etcdctl("get", "compact_rev_key"), "the user's own is nobody").toThrow();
      expect(await restored(backup, ...asRoot())).toMatchObject({ restored: false });
    });

    it("it is not swapped in where nothing proves it: the good one serves on, and what is needed is said", async () => {
      const backup = await withAuthentication("root:secret");
      await lab.control("stop");
      fs.rmSync(lab.data, { recursive: true });
      await restored(events);
      const [pid, token] = [lab.pid(), lab.token()];
      const ended = await run(lab.restoreArgv(backup));
      expect(ended, ended.stderr).toMatchObject({ code: 3, stdout: "" });
      expect(ended.stderr).toContain(
        "authentication is on in this backup, and it cannot be proved",
      );
      expect(ended.stderr).toContain("--root-certificate");
      expect([lab.pid(), lab.token()]).toEqual([pid, token]);
      expect(lab.hashKv(320)).toBe(events.hashKv);
      expect(lab.beside()).toEqual([]);
    });

    it("a wrong HashKV is found there too", async () => {
      const backup = await withAuthentication("root:secret");
      const ended = await run(lab.restoreArgv({ ...backup, hashKv: 1 }, ...asRoot()));
      expect(ended.code, ended.stderr).toBe(1);
      expect(ended.stderr).toContain("HashKV at revision 482 is 1992026518, expected 1");
    });
  });

  it("a store with an alarm: it is restored and serves", async () => {
    const environment = fs.readFileSync(lab.environment, "utf8");
    await restored(main);
    await lab.control("stop");
    const tiny = environment.replace(/(QUOTA_BACKEND_BYTES)=.*/, '$1="1000000"');
    fs.writeFileSync(lab.environment, tiny);
    await lab.control("start");
    expect(() => lab.etcdctl("put", "a", "b")).toThrow();
    expect(lab.etcdctl("alarm", "list")).toContain("NOSPACE");
    const file = path.join(folder, "alarm.db");
    lab.etcdctl("snapshot", "save", file);
    fs.writeFileSync(lab.environment, environment);
    expect(await restored({ ...main, file, sha256: sha256(fs.readFileSync(file)) })).toMatchObject({
      restored: true,
      proof: expect.stringMatching(/^proved/) as string,
    });
  });
});

describe("restore.sh and its surroundings", () => {
  it("proves a store that was never compacted, for which etcd says -1 and the file 0", async () => {
    await lab.control("start");
    lab.etcdctl("put", "a", "b");
    const file = path.join(folder, "young.db");
    lab.etcdctl("snapshot", "save", file);
    const hashKv = lab.hashKv(2);
    const young = { file, revision: 2, compactRevision: 0, hashKv };
    const { proof } = await restored({ ...young, sha256: sha256(fs.readFileSync(file)) });
    expect(proof).toBe(`proved: HashKV at revision 2 is ${hashKv}, as in the file`);
    expect(lab.etcdctl("get", "a")).toBe("a\nb\n");
  });

  it("puts the old etcd and its settings back when the new one does not start", async () => {
    await restored(events);
    const token = lab.token();
    // A service that cannot start what is about to be restored.
    const stubborn = path.join(folder, "service.sh");
    fs.writeFileSync(
      stubborn,
      `[[ $1 != start ]] || ! grep -q ${main.sha256} '${lab.data}/member/restored-from' || exit 1\n${lab.service} "$1"\n`,
    );
    const ended = await run(lab.restoreArgv(main, "--service", `bash '${stubborn}'`));
    expect(ended, ended.stderr).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toContain("the etcd that was there serves again");
    expect(lab.hashKv(320)).toBe(events.hashKv);
    expect(lab.token()).toBe(token);
    expect(lab.beside()).toEqual([expect.stringMatching(/^data\.quarantine-/)]);
  });

  /** Programs with the real etcd, and others that are what is given: lines of sh. */
  function programsWith(name: string, others: Readonly<Record<string, string>>): string {
    const directory = path.join(folder, name);
    fs.mkdirSync(directory);
    fs.symlinkSync(path.join(programs, "etcd"), path.join(directory, "etcd"));
    for (const [program, text] of Object.entries(others)) {
      fs.writeFileSync(path.join(directory, program), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    return directory;
  }
  // What etcdctl 3.6 answers to the words that it knew once, and to any other.
  const HELP = "echo 'etcdctl - A simple command line client for etcd3.'";

  it("refuses where no program can restore, names what is needed, and makes nothing", async () => {
    const none = "can restore a snapshot: etcdutl is needed, or an etcdctl before 3.6";
    const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
      [{}, /no program etcdctl in .*\/0$/],
      [{ etcdctl: HELP }, new RegExp(`no program in .*/1 ${none}$`)],
      [{ etcdctl: HELP, etcdutl: HELP }, new RegExp(`no program in .*/2 ${none}$`)],
      // Of another architecture, say: what it prints is not its own help.
      [{ etcdctl: HELP, etcdutl: "echo --data-dir; exit 126" }, new RegExp(`in .*/3 ${none}$`)],
    ];
    for (const [i, [others, says]] of cases.entries()) {
      const directory = programsWith(String(i), others);
      const ended = await run(lab.restoreArgv(main, "--programs", directory));
      expect(ended, ended.stderr).toMatchObject({ code: 3, stdout: "" });
      expect(ended.stderr.trimEnd()).toMatch(says);
      expect(ended.stderr.trimEnd()).not.toContain("\n");
    }
    expect(fs.existsSync(lab.data)).toBe(false);
    expect(lab.beside()).toEqual([]);
  });

  it("takes etcdctl where that can restore and etcdutl cannot, whatever its version", async () => {
    const able = `exec '${path.join(programs, "etcdutl")}' "$@"`; // etcdctl could do the same up to 3.5
    const directory = programsWith("old", { etcdctl: able, etcdutl: HELP });
    // That it is etcdctl which refuses the damage tells who was asked, sooner than a whole restore does.
    const ended = await run(lab.restoreArgv(damaged(), "--programs", directory));
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toMatch(/expected sha256.*\n.*etcdctl could not restore/);
  });

  it("tells what an etcd said that panics, without the stacks", async () => {
    const panicking = path.join(folder, "panicking");
    fs.mkdirSync(panicking);
    for (const program of ["etcdctl", "etcdutl"]) {
      fs.symlinkSync(path.join(programs, program), path.join(panicking, program));
    }
    const version = `'${path.join(programs, "etcd")}' --version`;
    const panic = "printf 'panic: no such member\\n\\ngoroutine 1 [running]:\\nmain.main()\\n' >&2";
    const text = `#!/bin/sh\n[ "$1" != --version ] || exec ${version}\n${panic}\nexit 2\n`;
    fs.writeFileSync(path.join(panicking, "etcd"), text, { mode: 0o755 });
    const ended = await run(lab.restoreArgv(main, "--programs", panicking));
    expect(ended, ended.stderr).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toMatch(/panic: no such member\n.*does not start on what was restored/);
    expect(ended.stderr).not.toContain("goroutine");
    expect(lab.beside()).toEqual([]);
  });

  it("is not misled by the user's own etcd variables", async () => {
    const env = {
      ETCD_NAME: "evil",
      ETCD_DATA_DIR: "/nowhere",
      ETCDCTL_ENDPOINTS: "x",
      ETCDCTL_API: "2",
    };
    const ended = await run(lab.restoreArgv(main), { env });
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(lab.etcdctl("member", "list")).toContain(" lab, ");
  });

  it("lets one restore work at a time, and hands its lock to nobody", async () => {
    const both = await Promise.all([run(lab.restoreArgv(main)), run(lab.restoreArgv(main))]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const results = both.map(({ stdout }) => JSON.parse(stdout) as { restored: boolean });
    expect(results.map((result) => result.restored).sort()).toEqual([false, true]);
    execFileSync("flock", ["--nonblock", `${lab.data}.restore-lock`, "true"]);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "says how much space is missing, and leaves nothing, on a full disk (mounting one needs root)",
    async () => {
      const mount = path.join(folder, "small");
      fs.mkdirSync(mount);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "etcd-restore-test", mount]);
      try {
        const text = fs.readFileSync(lab.environment, "utf8");
        fs.writeFileSync(lab.environment, text.replace(/(DATA_DIR)=.*/, `$1="${mount}/data"`));
        const ended = await run(lab.restoreArgv(main));
        expect(ended).toMatchObject({ code: 3, stdout: "" });
        expect(ended.stderr).toMatch(/not enough space in .*: 145 MiB needed, 6\d MiB free/);
        expect(fs.readdirSync(mount)).toEqual(["data.restore-lock"]);
      } finally {
        execFileSync("umount", [mount]);
      }
    },
  );

  it("says who may not write where", async () => {
    const locked = path.join(folder, "locked");
    fs.mkdirSync(locked);
    const text = fs.readFileSync(lab.environment, "utf8");
    fs.writeFileSync(lab.environment, text.replace(/(DATA_DIR)=.*/, `$1="${locked}/data"`));
    fs.chmodSync(locked, 0o555);
    fs.chmodSync(folder, 0o755);
    // Root may write everywhere, so it becomes somebody else.
    const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    const argv = lab.restoreArgv(main);
    const ended = await run(
      process.getuid?.() === 0 ? ["setpriv", ...asNobody.slice(1), ...argv] : argv,
    );
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain(`may not write in ${locked}`);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "gives everything to the owner that etcd runs as (needs root)",
    async () => {
      const shared = path.join(folder, "bin"); // where that user may come
      fs.mkdirSync(shared);
      for (const name of ["etcd", "etcdctl", "etcdutl"]) {
        fs.copyFileSync(path.join(programs, name), path.join(shared, name));
      }
      fs.chmodSync(folder, 0o755);
      fs.chownSync(path.join(folder, "tls"), 65534, 65534); // which etcd must read
      await restored(main, "--owner", "nobody", "--programs", shared);
      const { uid } = fs.statSync(path.join(lab.data, "member", "snap", "db"));
      expect(uid).toBe(65534);
      expect(fs.statSync(path.join(lab.data, "member", "wal")).uid).toBe(65534);
    },
  );
});
