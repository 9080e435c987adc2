/** What restore.sh does where the backup is the same and etcd is to run by other settings or programs. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensureEtcd } from "../../../machine/programs/programs";
import { freePort, makeFolder, makeLab, removeFolder, run, unpackSamples } from "../lab";
import type { Lab, Sample } from "../lab";

let folder: string;
let lab: Lab;
let main: Sample;
const programsOf: Record<string, string> = {};

beforeAll(async () => {
  for (const minor of ["3.5", "3.6"]) {
    programsOf[minor] = path.dirname((await ensureEtcd(minor)).etcd);
  }
}, 900_000);

beforeEach(async () => {
  folder = makeFolder();
  ({ main } = unpackSamples(folder));
  // What the service runs: links, as the installation makes them.
  fs.mkdirSync(path.join(folder, "bin"));
  lab = await makeLab(folder, { programs: path.join(folder, "bin") });
});

afterEach(() => {
  removeFolder(folder);
});

/** A folder of links to the programs of a version, and an environment file: what is wished for. */
function wish(minor: string, change: (text: string) => string = (text) => text): string[] {
  const directory = path.join(folder, `wish-${minor}`);
  fs.mkdirSync(directory, { recursive: true });
  for (const program of ["etcd", "etcdctl", "etcdutl"]) {
    const link = path.join(directory, program);
    fs.rmSync(link, { force: true });
    fs.symlinkSync(path.join(String(programsOf[minor]), program), link);
  }
  const environment = path.join(folder, "next.env");
  fs.writeFileSync(environment, change(fs.readFileSync(lab.environment, "utf8")));
  return ["--next-programs", directory, "--next-environment", environment];
}

async function restored(...flags: readonly string[]): Promise<Record<string, unknown>> {
  const ended = await run(lab.restoreArgv(main, ...flags));
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

const versionServing = () =>
  /"version":"(\d+\.\d+)/.exec(lab.etcdctl("endpoint", "status", "-w", "json"))?.[1];
const quota = (bytes: number) => (text: string) =>
  text.replace(/(QUOTA_BACKEND_BYTES)=.*/, `$1="${bytes}"`);

describe("restore.sh, where other settings are wished for", () => {
  it("restarts the same data by them, and leaves it alone once it runs so", async () => {
    await restored(...wish("3.6"));
    const [pid, token] = [lab.pid(), lab.token()];
    expect(await restored(...wish("3.6"))).toMatchObject({ restored: false });
    expect(lab.pid()).toBe(pid);

    const roomier = wish("3.6", quota(4_000_000_000));
    expect(await restored(...roomier)).toMatchObject({ restored: false });
    expect(lab.pid()).not.toBe(pid);
    expect(lab.token()).toBe(token);
    expect(fs.readFileSync(lab.environment, "utf8")).toContain('"4000000000"');
    const again = lab.pid();
    await restored(...roomier);
    expect(lab.pid()).toBe(again);
    expect(lab.beside()).toEqual([]);
  });

  it("restores anew with programs of another minor version, and that one serves", async () => {
    await restored(...wish("3.5"));
    expect(versionServing()).toBe("3.5");
    expect(await restored(...wish("3.6"))).toMatchObject({ restored: true });
    expect(versionServing()).toBe("3.6");
    expect(fs.readlinkSync(path.join(folder, "bin", "etcd"))).toBe(
      path.join(String(programsOf["3.6"]), "etcd"),
    );
  });

  it("puts settings and programs back, and the old etcd serves, when they cannot be had", async () => {
    await restored(...wish("3.5"));
    const before = fs.readFileSync(lab.environment, "utf8");
    const port = await freePort();
    const taken = (await import("node:net")).createServer().listen(port, "127.0.0.1");
    try {
      const flags = wish("3.6", (text) =>
        text.replace(/(LISTEN_CLIENT_URLS)=.*/, `$1="https://127.0.0.1:${port}"`),
      );
      const ended = await run(lab.restoreArgv(main, ...flags));
      expect(ended, ended.stderr).toMatchObject({ code: 3, stdout: "" });
      expect(ended.stderr).toContain(`port ${port} on 127.0.0.1 is taken`);
      expect(ended.stderr).toContain("the etcd that was there serves again");
    } finally {
      taken.close();
    }
    expect(fs.readFileSync(lab.environment, "utf8")).toBe(before);
    expect(versionServing()).toBe("3.5");
    expect(lab.hashKv(482)).toBe(main.hashKv);
    expect(fs.readdirSync(folder).filter((name) => name.includes("restore-before"))).toEqual([]);
  });

  it("puts them right after a kill in the midst of a swap", async () => {
    await restored(...wish("3.5"));
    const before = fs.readFileSync(lab.environment, "utf8");
    const ended = await run(lab.restoreArgv(main, ...wish("3.6")), {
      onStderr: (text, child) => {
        if (text.includes("moving what was restored")) child.kill("SIGKILL");
      },
    });
    expect(ended.code).toBe("SIGKILL");
    expect(await restored(...wish("3.6"))).toMatchObject({ sha256: main.sha256 });
    expect(versionServing()).toBe("3.6");
    expect(lab.hashKv(482)).toBe(main.hashKv);
    expect(fs.readFileSync(lab.environment, "utf8")).not.toBe(before);
  });

  it("ends with a wish for the snapshot where that is needed and not there, and changes nothing", async () => {
    const missing = { ...main, file: path.join(folder, "not-copied.db") };
    const ask = [...wish("3.6"), "--ask-first", "yes"];
    const asked = await run(lab.restoreArgv(missing, ...ask));
    expect(asked, asked.stderr).toMatchObject({ code: 0, stdout: '{"needed":true}\n' });
    expect(fs.existsSync(lab.data)).toBe(false);
    await restored(...wish("3.6"));
    const again = await run(lab.restoreArgv(missing, ...ask));
    expect(JSON.parse(again.stdout)).toMatchObject({ restored: false });
  });

  it("works in folders with = and quotes in their names", async () => {
    const odd = path.join(folder, `a=b 'c' "d"`);
    fs.mkdirSync(odd);
    fs.symlinkSync(String(programsOf["3.6"]), path.join(odd, "bin"));
    fs.copyFileSync(main.file, path.join(odd, "$x\\\n.db"));
    main = { ...main, file: path.join(odd, "$x\\\n.db") };
    const flags = [...wish("3.6"), "--next-programs", path.join(odd, "bin")];
    expect(await restored(...flags)).toMatchObject({ restored: true });
  });
});
