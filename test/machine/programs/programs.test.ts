import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  EtcdProgramsError,
  ensureEtcd,
  findEtcd,
  type EtcdPrograms,
} from "../../../machine/programs/programs";
import pinned from "../../../machine/programs/checksums.json";
import { PROGRAMS, type Program } from "../../../machine/programs/probe";
import { newestFirst, parseWanted, platform } from "../../../machine/programs/version";
import { temporaryDirectory } from "../../support/temporary";

const MODULES = join(__dirname, "../../../machine/programs");

let etcd35: EtcdPrograms;
let etcd36: EtcdPrograms;

beforeAll(async () => {
  etcd35 = await ensureEtcd("3.5");
  etcd36 = await ensureEtcd("3.6");
}, 1_800_000);

/** Links the programs into a new folder; `from` names another source for some of them. */
async function folderOf(
  programs: EtcdPrograms,
  directory: string,
  from: Partial<Record<Program, string>> = {},
): Promise<string> {
  await mkdir(directory, { recursive: true });
  for (const name of PROGRAMS) await symlink(from[name] ?? programs[name], join(directory, name));
  return directory;
}

/** A folder with nothing in it for everything that would otherwise be looked up on this computer. */
async function nowhere(): Promise<{ toolsDir: string; env: NodeJS.ProcessEnv }> {
  return { toolsDir: await temporaryDirectory(), env: { PATH: await temporaryDirectory() } };
}

describe("what is asked for", () => {
  it.each(["3", "3.6.16.1", "latest", "3.6.x", ""])("refuses the version %j", async (wanted) => {
    await expect(findEtcd(wanted)).rejects.toThrow("is not an etcd version");
  });

  it("takes a minor version, an exact one, and a leading v", () => {
    expect(parseWanted("3.6")).toEqual({ minor: "3.6" });
    expect(parseWanted("v3.6.16")).toEqual({ minor: "3.6", exact: "3.6.16" });
  });

  it("puts 3.6.16 before 3.6.9", () => {
    expect(["3.6.9", "3.5.33", "3.6.16"].sort(newestFirst)).toEqual(["3.6.16", "3.6.9", "3.5.33"]);
  });
});

describe("ensureEtcd", () => {
  it("gives three programs that say the version themselves", () => {
    expect(etcd36.version).toMatch(/^3\.6\.\d+$/);
    for (const [file, argument] of [
      [etcd36.etcd, "--version"],
      [etcd36.etcdctl, "version"],
      [etcd36.etcdutl, "version"],
    ] as const) {
      expect(execFileSync(file, [argument], { encoding: "utf8" })).toContain(
        `ersion: ${etcd36.version}\n`,
      );
    }
  });
});

describe("the setting", () => {
  it("is used before anything else", async () => {
    const directory = await folderOf(etcd35, await temporaryDirectory());
    const { programs } = await findEtcd("3.5", { directory });
    expect(programs).toMatchObject({ origin: "setting", version: etcd35.version });
    expect(programs?.etcdutl).toBe(join(directory, "etcdutl"));
  });

  it("is an error, not a fallback, when the version is another; found and needed are named", async () => {
    const directory = await folderOf(etcd35, await temporaryDirectory());
    const failure = await ensureEtcd("3.6", { directory }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EtcdProgramsError);
    expect(String(failure)).toContain(`etcd is ${etcd35.version}`);
    expect(String(failure)).toContain("needed is 3.6.x");
    expect(String(failure)).toContain(directory);
  });

  it("is an error that names the program that is missing", async () => {
    const directory = await temporaryDirectory();
    await symlink(etcd36.etcd, join(directory, "etcd"));
    await expect(findEtcd("3.6", { directory })).rejects.toThrow(
      /etcdctl: there is no such file.*Set a folder with etcd, etcdctl and etcdutl 3\.6\.x/s,
    );
  });
});

describe("PATH", () => {
  it("is used when all three are there, be it in different folders", async () => {
    const { toolsDir } = await nowhere();
    const [one, two] = [await temporaryDirectory(), await temporaryDirectory()];
    await symlink(etcd36.etcd, join(one, "etcd"));
    await symlink(etcd36.etcdctl, join(two, "etcdctl"));
    await symlink(etcd36.etcdutl, join(two, "etcdutl"));
    const { programs } = await findEtcd("3.6", { toolsDir, env: { PATH: `${one}:${two}` } });
    expect(programs).toMatchObject({ origin: "PATH", etcd: join(one, "etcd") });
  });

  it("is passed over when only one program is of another minor version", async () => {
    const { toolsDir } = await nowhere();
    const PATH = await folderOf(etcd36, await temporaryDirectory(), { etcdctl: etcd35.etcdctl });
    const { programs, failed } = await findEtcd("3.6", { toolsDir, env: { PATH } });
    expect(programs).toBeUndefined();
    expect(failed.map(({ way }) => way)).toEqual(["setting", "PATH", "cache"]);
    expect(failed[1]?.reason).toBe(
      `${join(PATH, "etcdctl")} is ${etcd35.version}; needed is 3.6.x`,
    );
  });

  it("is passed over when a program ends well but is not etcd's", async () => {
    const { toolsDir } = await nowhere();
    const impostor = join(toolsDir, "impostor");
    await writeFile(impostor, "#!/bin/sh\necho 'NAME: etcdctl - A simple command line client'\n");
    await chmod(impostor, 0o755);
    const PATH = await folderOf(etcd36, await temporaryDirectory(), { etcdctl: impostor });
    const { failed } = await findEtcd("3.6", { toolsDir, env: { PATH } });
    expect(failed[1]?.reason).toBe(`${join(PATH, "etcdctl")}: it prints no version`);
  });

  it("names what it does not have", async () => {
    const { failed } = await findEtcd("3.6", await nowhere());
    expect(failed[1]).toEqual({ way: "PATH", reason: "no etcd, no etcdctl, no etcdutl there" });
  });
});

describe("the cache", () => {
  it("gives the newest programs that work, whatever newer folders are called", async () => {
    const { toolsDir, env } = await nowhere();
    const folder = (version: string): string => join(toolsDir, `etcd-${version}-${platform()}`);
    await folderOf(etcd36, folder(etcd36.version));
    await folderOf(etcd35, folder("3.6.99"));
    await mkdir(folder("3.6.98"));
    const { programs } = await findEtcd("3.6", { toolsDir, env });
    expect(programs).toMatchObject({ origin: "cache", version: etcd36.version });
  });

  it("gives the exact version only when that was asked for", async () => {
    const { toolsDir, env } = await nowhere();
    await folderOf(etcd36, join(toolsDir, `etcd-${etcd36.version}-${platform()}`));
    expect((await findEtcd(etcd36.version, { toolsDir, env })).programs?.origin).toBe("cache");
    expect((await findEtcd("3.6.0", { toolsDir, env })).programs).toBeUndefined();
  });

  it("is the folder that ETCD_RESTORE_TOOLS names", async () => {
    const { toolsDir, env } = await nowhere();
    await folderOf(etcd36, join(toolsDir, `etcd-${etcd36.version}-${platform()}`));
    const named = { ...env, ETCD_RESTORE_TOOLS: toolsDir };
    expect((await findEtcd("3.6", { env: named })).programs?.origin).toBe("cache");
  });

  it("is not made by looking for programs", async () => {
    const { toolsDir, env } = await nowhere();
    await findEtcd("3.6", { toolsDir: join(toolsDir, "cache"), env });
    expect(await readdir(toolsDir)).toEqual([]);
  });
});

describe("what the repository pins", () => {
  it("is a sha256 for each release, the same releases on every platform", () => {
    const platforms = Object.values(pinned.sha256);
    expect(Object.keys(pinned.sha256)).toEqual(["linux-amd64", "linux-arm64"]);
    for (const sums of platforms) {
      expect(Object.keys(sums)).toEqual(Object.keys(pinned.sha256["linux-amd64"]));
      for (const sum of Object.values(sums)) expect(sum).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it.each(["3.5", "3.6", "3.7"])(
    "is one patch of server, etcdctl and etcdutl %s, with a sum for every module",
    async (minor) => {
      const folder = join(MODULES, `go-${minor}`);
      const module = await readFile(join(folder, "go.mod"), "utf8");
      const sums = await readFile(join(folder, "go.sum"), "utf8");
      const required = [...module.matchAll(/^\t(\S+) (v\S+)(?: \/\/ indirect)?$/gm)];
      const ours = required.filter(([, path]) =>
        /^go\.etcd\.io\/etcd\/(server|etcdctl|etcdutl)\/v3$/.test(path ?? ""),
      );
      expect(ours).toHaveLength(3);
      expect(new Set(ours.map(([, , version]) => version)).size).toBe(1);
      expect(ours[0]?.[2]).toMatch(new RegExp(`^v${minor.replace(".", "\\.")}\\.\\d+$`));
      for (const [, path, version] of required) {
        expect(sums).toContain(`\n${path} ${version}/go.mod h1:`);
      }
    },
  );
});
