import { once } from "node:events";
import * as fs from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { removeClientFiles, writeClientFiles } from "../../../machine/pki/client-files";
import {
  installLocalEtcd,
  localInstance,
  removeLocalEtcd,
  type LocalEtcd,
  type LocalEtcdRequest,
} from "../../../machine/local/local-etcd";
import { makePki } from "../../../machine/pki/pki";
import type { Pki } from "../../../machine/pki/pki-texts";
import { portProblems } from "../../../machine/ports";
import { ensureEtcd } from "../../../machine/programs/programs";
import { freePort, makeFolder, processesIn, removeFolder, run, unpackSamples } from "../lab";
import { TYPESCRIPT } from "../../support/typescript";

const SCRIPTS = path.join(__dirname, "..", "..", "..", "scripts", "steps");
const RESTORE = path.join(__dirname, "..", "..", "..", "machine", "restore", "restore.sh");
const silent = (): void => undefined;

let folder: string;
let directory: string;
let pki: Pki;
let request: LocalEtcdRequest;

beforeAll(async () => {
  await ensureEtcd("3.6");
  pki = await makePki({ addresses: [], dnsNames: [] });
}, 900_000);

beforeEach(async () => {
  folder = makeFolder();
  directory = path.join(folder, "etcd");
  request = {
    directory,
    etcdVersion: "3.6",
    name: "lab",
    clientPort: await freePort(),
    peerPort: await freePort(),
    snapshotBytes: 1486880,
    certificates: pki,
  };
});

afterEach(() => {
  removeFolder(folder);
});

const script = (name: string, ...args: readonly string[]): [string, ...string[]] => [
  process.execPath,
  ...["--require", TYPESCRIPT, path.join(SCRIPTS, `${name}.ts`), ...args],
];

const service = (installed: LocalEtcd, action: string) =>
  run(["bash", "-c", `${installed.service} ${action}`]);

/** Puts settings and programs where the service looks for them, as `restore.sh` does. */
function takeOver(installed: LocalEtcd): LocalEtcd {
  fs.copyFileSync(installed.nextEnvironmentFile, installed.environmentFile);
  fs.cpSync(installed.nextPrograms, installed.programs, { recursive: true });
  return installed;
}

/** Every file in a folder with its mode, text and time of change. */
function inventory(root: string): readonly string[] {
  return (fs.readdirSync(root, { recursive: true }) as string[]).sort().map((name) => {
    const file = path.join(root, name);
    const { mode, mtimeMs } = fs.lstatSync(file);
    return `${name} ${(mode & 0o777).toString(8)} ${mtimeMs}`;
  });
}

describe("an etcd installed on this computer", () => {
  it("has all that it needs for itself alone, and does not run", async () => {
    const installed = await installLocalEtcd(request, silent);
    expect(installed).toMatchObject({
      environmentFile: path.join(directory, "etcd.env"),
      dataDirectory: path.join(directory, "data"),
      endpoint: `https://127.0.0.1:${request.clientPort}`,
      version: expect.stringMatching(/^3\.6\.\d+$/) as string,
    });
    for (const program of ["etcd", "etcdctl", "etcdutl"]) {
      fs.accessSync(path.join(installed.nextPrograms, program), fs.constants.X_OK);
    }
    for (const name of ["", "tls"]) {
      expect(fs.statSync(path.join(directory, name)).mode & 0o777).toBe(0o700);
    }
    for (const name of ["next.env", "tls/ca.crt", "tls/server.key", "tls/peer.key"]) {
      expect(fs.statSync(path.join(directory, name)).mode & 0o777).toBe(0o600);
    }
    expect(fs.readdirSync(path.join(directory, "tls"))).not.toContain("client.key");
    expect(fs.existsSync(installed.dataDirectory)).toBe(false);
    expect(processesIn(folder)).toEqual([]);
  });

  it("is left as it is by a second installation", async () => {
    const first = await installLocalEtcd(request, silent);
    const before = inventory(directory);
    expect(await installLocalEtcd(request, silent)).toEqual(first);
    expect(inventory(directory)).toEqual(before);
  });

  it("lays new settings beside those that serve, and says that they are others", async () => {
    const first = takeOver(await installLocalEtcd(request, silent));
    const serving = fs.readFileSync(first.environmentFile, "utf8");
    const second = await installLocalEtcd({ ...request, clientPort: 12345 }, silent);
    expect(fs.readFileSync(second.nextEnvironmentFile, "utf8")).toContain(
      'ETCD_LISTEN_CLIENT_URLS="https://127.0.0.1:12345"',
    );
    expect(fs.readFileSync(second.environmentFile, "utf8")).toBe(serving);
    expect(second.settings).not.toBe(first.settings);
    expect((await installLocalEtcd(request, silent)).settings).toBe(first.settings);
  });

  it("does not begin in a folder that holds something else", async () => {
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, "thesis.txt"), "");
    await expect(installLocalEtcd(request, silent)).rejects.toThrow(
      "was not made by etcd-restore and holds thesis.txt",
    );
    expect(fs.readdirSync(directory)).toEqual(["thesis.txt"]);
  });

  it("is told to Pulumi as another one when it is lost, and only then", async () => {
    const { main } = unpackSamples(folder);
    const installed = await installLocalEtcd(request, silent);
    const planned = await localInstance(directory);
    const restore = (): ReturnType<typeof run> =>
      run([
        ...(["bash", RESTORE, "--snapshot", main.file, "--sha256", main.sha256] as const),
        ...["--revision", "482", "--compact-revision", "424", "--hashkv", String(main.hashKv)],
        ...["--environment", installed.environmentFile, "--programs", installed.programs],
        ...["--next-environment", installed.nextEnvironmentFile, "--service", installed.service],
        ...["--next-programs", installed.nextPrograms],
      ]);
    expect(await restore()).toMatchObject({ code: 0 });
    expect(await localInstance(directory)).toBe(planned);
    await service(installed, "stop");
    const lost = await localInstance(directory);
    expect(lost).not.toBe(planned);
    expect(await restore()).toMatchObject({ code: 0 });
    expect(await localInstance(directory)).toBe(lost);
  });
});

describe("the removal of an etcd", () => {
  it("ends it and leaves nothing, and has nothing to do the second time", async () => {
    const installed = takeOver(await installLocalEtcd(request, silent));
    expect(await service(installed, "start")).toMatchObject({ code: 0 });
    fs.mkdirSync(path.join(directory, "data.aside-20260101T000000Z"));
    expect(await removeLocalEtcd(directory)).toEqual([]);
    expect(fs.readdirSync(folder)).toEqual([]);
    expect(processesIn(folder)).toEqual([]);
    expect(await removeLocalEtcd(directory)).toEqual([]);
  });

  it("does not touch a folder that is not ours", async () => {
    fs.mkdirSync(path.join(directory, "data"), { recursive: true });
    await expect(removeLocalEtcd(directory)).rejects.toThrow("was not made by etcd-restore");
    expect(fs.existsSync(path.join(directory, "data"))).toBe(true);
  });

  it("leaves what somebody else put into it, and names it", async () => {
    await installLocalEtcd(request, silent);
    fs.writeFileSync(path.join(directory, "notes.txt"), "");
    expect(await removeLocalEtcd(directory)).toEqual(["notes.txt"]);
    expect(fs.readdirSync(directory).sort()).toEqual([".made-by-etcd-restore", "notes.txt"]);
  });
});

describe("scripts/steps/local-etcd.ts", () => {
  it("installs what the JSON on stdin asks for, answers with one JSON, and removes it", async () => {
    const input = JSON.stringify(request);
    const ended = await run(script("local-etcd", "install"), { input });
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    const { seconds, ...installed } = JSON.parse(ended.stdout) as Record<string, unknown>;
    expect(installed).toEqual(await installLocalEtcd(request, silent));
    expect(seconds).toBeGreaterThan(0);
    expect(ended.stdout).not.toContain("PRIVATE KEY");
    const removed = await run(script("local-etcd", "remove", directory));
    expect(removed).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(fs.existsSync(directory)).toBe(false);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["a relative folder", { directory: "lab" }, "directory: an absolute path is needed"],
    ["a missing certificate", { certificates: { ca: "SECRET" } }, "certificates.server: "],
    ["a port that is none", { clientPort: 99999 }, "clientPort is 99999"],
  ])("exits 2 for %s, and shows no secret", async (_what, wrong, says) => {
    const input = JSON.stringify({ ...request, ...wrong });
    const ended = await run(script("local-etcd", "install"), { input });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(ended.stderr).not.toMatch(/SECRET|PRIVATE KEY| {4}at /);
  });

  it("exits 2 without an action that it knows", async () => {
    expect(await run(script("local-etcd", "instal"))).toMatchObject({ code: 2 });
  });
});

describe("the ports", () => {
  const ports = (port: number) => [{ address: "127.0.0.1", port, setting: "clientPort" }];

  it("are good when they are free, and when our own etcd has them", async () => {
    expect(await portProblems(ports(request.clientPort), directory)).toEqual([]);
    await service(takeOver(await installLocalEtcd(request, silent)), "start");
    expect(await portProblems(ports(request.clientPort), directory)).toEqual([]);
    expect(await portProblems(ports(request.clientPort), folder)).toEqual([
      expect.stringMatching(/is taken by process \d+ \(etcd\); end it/),
    ]);
  });

  it("are told with who holds them", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const problems = await portProblems(ports(port), directory);
    await once(server.close(), "close");
    expect(problems).toEqual([
      expect.stringContaining(
        `port ${port} on 127.0.0.1 (setting clientPort) is taken by process ${process.pid} (`,
      ),
    ]);
  });

  it("are told when this computer has no such address", async () => {
    const wanted = [{ address: "192.0.2.1", port: 22379, setting: "clientPort" }];
    expect(await portProblems(wanted, directory)).toEqual([
      "port 22379 on 192.0.2.1 (setting clientPort): this computer has no such address",
    ]);
  });

  it("are not taken for ours by a number that another process has now", async () => {
    const installed = takeOver(await installLocalEtcd(request, silent));
    await service(installed, "start");
    const file = path.join(directory, "etcd.pid");
    const [boot, pid] = fs.readFileSync(file, "utf8").split(" ");
    fs.writeFileSync(file, `${String(boot)} ${String(pid)} 1\n`);
    expect(await portProblems(ports(request.clientPort), directory)).toHaveLength(1);
  });
});

describe("a client's files", () => {
  const credentials = { ca: "CA\n", certificate: "CERTIFICATE\n", key: "KEY\n" };

  it("are for this user alone, and go again", async () => {
    const target = path.join(folder, "client");
    await writeClientFiles(target, credentials);
    const before = inventory(target);
    await writeClientFiles(target, credentials);
    expect(inventory(target)).toEqual(before);
    expect(fs.statSync(target).mode & 0o777).toBe(0o700);
    for (const name of ["ca.crt", "client.crt", "client.key"]) {
      expect(fs.statSync(path.join(target, name)).mode & 0o777).toBe(0o600);
    }
    await removeClientFiles(target);
    await removeClientFiles(target);
    expect(fs.existsSync(target)).toBe(false);
  });

  it("are written and removed by scripts/steps/client-files.ts", async () => {
    const target = path.join(folder, "client");
    const input = JSON.stringify(credentials);
    const written = await run(script("client-files", "write", target), { input });
    expect(written).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(fs.readFileSync(path.join(target, "client.key"), "utf8")).toBe("KEY\n");
    expect(await run(script("client-files", "remove", target))).toMatchObject({ code: 0 });
    expect(fs.existsSync(target)).toBe(false);
    expect(await run(script("client-files", "write"))).toMatchObject({ code: 2 });
  });

  it("are not written into a folder of somebody else's", async () => {
    fs.writeFileSync(path.join(folder, "x"), "");
    await expect(writeClientFiles(folder, credentials)).rejects.toThrow("not made by etcd-restore");
  });
});
