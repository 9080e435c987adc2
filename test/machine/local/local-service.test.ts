import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import * as https from "node:https";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ownProcess } from "../../../machine/local/own-process";
import { portProblems } from "../../../machine/ports";
import { ensureEtcd } from "../../../machine/programs/programs";
import {
  MACHINE,
  eventually,
  makeFolder,
  makeLab,
  processesIn,
  removeFolder,
  run,
  type Lab,
} from "../lab";

let programs: string;
let folder: string;
let lab: Lab;

beforeAll(async () => {
  programs = path.dirname((await ensureEtcd("3.6")).etcd);
}, 900_000);

beforeEach(async () => {
  folder = makeFolder();
  lab = await makeLab(folder, { programs });
});

afterEach(() => {
  removeFolder(folder);
});

/** A process that has ended and that nobody has buried yet has no program any more. */
const isAlive = (pid: number | undefined): boolean => fs.existsSync(`/proc/${String(pid)}/exe`);

describe("local-service.sh", () => {
  it("starts etcd, once; the shell that started it may go", async () => {
    // `run` waits for the end of the pipes: an etcd that held them would keep us here.
    expect(await lab.control("start")).toMatchObject({ code: 0, stdout: "" });
    const pid = lab.pid();
    expect(lab.etcdctl("put", "a", "b")).toBe("OK\n");
    const again = await lab.control("start");
    expect(again).toMatchObject({
      code: 0,
      stderr: `etcd: runs already as process ${String(pid)}\n`,
    });
    expect(await lab.control("status")).toMatchObject({ code: 0 });
    expect(processesIn(folder)).toEqual([pid]);
  });

  it("stops it, once", async () => {
    await lab.control("start");
    const pid = lab.pid();
    expect(await lab.control("stop")).toMatchObject({ code: 0 });
    expect(isAlive(pid)).toBe(false);
    expect(await lab.control("stop")).toMatchObject({ code: 0, stderr: "etcd: does not run\n" });
    expect(await lab.control("status")).toMatchObject({ code: 3, stderr: "etcd: does not run\n" });
    expect(fs.existsSync(path.join(folder, "etcd.pid"))).toBe(false);
  });

  it("starts one etcd when it is asked twice at the same time", async () => {
    const both = await Promise.all([lab.control("start"), lab.control("start")]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(processesIn(folder)).toEqual([lab.pid()]);
  });

  it("notices that somebody killed it, and starts it again", async () => {
    await lab.control("start");
    const pid = lab.pid();
    process.kill(Number(pid), "SIGKILL");
    await eventually("the killed etcd is gone", () => lab.pid() !== pid);
    expect(await lab.control("status")).toMatchObject({ code: 3 });
    expect(await lab.control("start")).toMatchObject({ code: 0 });
    expect(lab.pid()).not.toBe(pid);
  });

  it("never ends a process that has its number by chance", async () => {
    await lab.control("start");
    const file = path.join(folder, "etcd.pid");
    const [boot, pid, started] = fs.readFileSync(file, "utf8").trim().split(" ");
    const bystander = spawn("sleep", ["60"]);
    try {
      // The same number with another start, the same number and start of another boot.
      for (const line of [
        `${String(boot)} ${String(bystander.pid)} ${String(started)}`,
        `00000000-0000-0000-0000-000000000000 ${String(pid)} ${String(started)}`,
      ]) {
        fs.writeFileSync(file, `${line}\n`);
        expect(await lab.control("status")).toMatchObject({ code: 3 });
        expect(await lab.control("stop")).toMatchObject({
          code: 0,
          stderr: "etcd: does not run\n",
        });
        expect([isAlive(bystander.pid), isAlive(Number(pid))]).toEqual([true, true]);
      }
    } finally {
      bystander.kill("SIGKILL");
      await once(bystander, "exit");
    }
  });

  it("takes a process for ended when its last thread is, for that one holds its locks", async () => {
    // The first thread ends by the system call exit, whose number no shell knows; the other one stays.
    const exit = process.arch === "arm64" ? 93 : 60;
    const halfDead = spawn(
      "perl",
      ["-Mthreads", "-e", `threads->create(sub { sleep 60 }); syscall(${exit}, 0)`],
      { stdio: "ignore" },
    );
    const pid = halfDead.pid ?? 0;
    onTestFinished(() => void halfDead.kill("SIGKILL"));
    const stat = () =>
      fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    await eventually("its first thread is dead", () => stat()[0] === "Z");
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    fs.writeFileSync(path.join(folder, "etcd.pid"), `${boot} ${pid} ${stat()[19] ?? ""}\n`);
    expect(await lab.control("status")).toMatchObject({ code: 0 });
    expect(await ownProcess(folder)).toBe(pid);
    expect(await lab.control("stop")).toMatchObject({ code: 0 });
    // Nothing but its first thread's remains, until Node buries it.
    const threads = fs.existsSync(`/proc/${pid}`) ? fs.readdirSync(`/proc/${pid}/task`) : [];
    expect(threads.length).toBeLessThan(2);
  });

  it("says who has the port, and starts nothing", async () => {
    const server = createServer().listen(lab.clientPort, "127.0.0.1");
    await once(server, "listening");
    const ended = await lab.control("start");
    await once(server.close(), "close");
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(
      `port ${lab.clientPort} on 127.0.0.1 is taken by process ${process.pid} (`,
    );
    expect(processesIn(folder)).toEqual([]);
  });

  describe("where the kernel had given the port to a connection that goes out", () => {
    /** A process with a connection from our port. Not Node, which binds such ones with SO_REUSEADDR, unlike the kernel. */
    async function connectFromPort() {
      const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
      onTestFinished(() => void server.close());
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const from = `LocalAddr => "127.0.0.1", LocalPort => ${lab.clientPort}`;
      const connection = `IO::Socket::INET->new(PeerAddr => "127.0.0.1:${port}", ${from})`;
      // The port may be one of an etcd that has just ended, which none but a listener could have for a minute.
      const script = `for (1..70) { if ($out = ${connection}) { sleep 60 while 1 } sleep 1 } die $!`;
      const out = spawn("perl", ["-MIO::Socket::INET", "-e", script], { stdio: "inherit" });
      onTestFinished(() => void out.kill("SIGKILL"));
      const [other] = (await once(server, "connection")) as [Socket];
      return { out, other };
    }

    it("says whose it is, and so does the preflight", async () => {
      const { out, other } = await connectFromPort();
      const ended = await lab.control("start");
      expect(ended.code).toBe(3);
      expect(ended.stderr).toContain(
        `etcd: error: port ${lab.clientPort} is held by a connection of process ${String(out.pid)} (perl)`,
      );
      expect(processesIn(folder)).toEqual([]);
      const wanted = [{ address: "127.0.0.1", port: lab.clientPort, setting: "clientPort" }];
      expect(await portProblems(wanted, folder)).toEqual([
        expect.stringContaining(
          `(setting clientPort) is held by a connection of process ${String(out.pid)} (perl); end it`,
        ),
      ]);
      out.kill("SIGKILL");
      await once(other.resume(), "end");
      expect(await portProblems(wanted, folder), "for this one the start waits").toEqual([]);
      other.resetAndDestroy();
    });

    it("waits until the kernel has forgotten one that has ended", async () => {
      const { out, other } = await connectFromPort();
      out.kill("SIGKILL");
      await once(other.resume(), "end");
      // At once, in place of after a minute: what half is left of the connection is reset by the other.
      const ended = await lab.control("start", {}, (text) => {
        if (text.includes("trying again")) other.resetAndDestroy();
      });
      expect(ended, ended.stderr).toMatchObject({ code: 0 });
      expect(ended.stderr.match(/is still held by a connection that has ended/g)).toHaveLength(1);
      lab.etcdctl("put", "a", "b");
    });
  });

  it("tells the end of the log when etcd does not live", async () => {
    const text = fs.readFileSync(lab.environment, "utf8");
    fs.writeFileSync(lab.environment, text.replace(/(DATA_DIR)=.*/, '$1="/dev/null/data"'));
    const ended = await lab.control("start");
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain("/dev/null/data");
    expect(ended.stderr).toContain(`its log is ${folder}/etcd.log`);
  });

  it("gives etcd the settings of the file and nothing from the user's environment", async () => {
    const env = { ETCD_NAME: "evil", ETCD_LOG_LEVEL: "debug", SECRET_OF_MINE: "x" };
    expect(await lab.control("start", env)).toMatchObject({ code: 0 });
    const environ = fs.readFileSync(`/proc/${String(lab.pid())}/environ`, "utf8").split("\0");
    expect(environ).toContain("ETCD_NAME=lab");
    expect(environ.filter((line) => !/^(ETCD_|PATH=|HOME=|$)/.test(line))).toEqual([]);
  });

  it("keeps a log that has grown too big once, and begins a new one", async () => {
    const log = path.join(folder, "etcd.log");
    fs.writeFileSync(log, "");
    fs.truncateSync(log, 50_000_001);
    await lab.control("start");
    expect(fs.statSync(`${log}.1`).size).toBe(50_000_001);
    expect(fs.statSync(log).size).toBeLessThan(1_000_000);
    expect(fs.statSync(log).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["no action", "--state /tmp", "start, stop, status or log"],
    ["an unknown word", "restart", 'unknown argument "restart"'],
    ["a flag without its value", "start --state", "--state needs a value"],
  ])("exits 2 for %s", async (_what, args, says) => {
    const script = path.join(MACHINE, "local", "local-service.sh");
    const ended = await run(["bash", script, ...args.split(" ")]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(says);
  });
});

describe("the etcd that it starts", () => {
  /** A read over etcd's own HTTP gateway, which dials etcd itself with the server's certificate. */
  function readOverGateway(tls: https.RequestOptions): Promise<string> {
    return new Promise((resolve, reject) => {
      const url = `https://127.0.0.1:${lab.clientPort}/v3/kv/range`;
      const request = https.request(url, { ...tls, method: "POST", agent: false }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => {
          resolve(text);
        });
      });
      request.on("error", reject);
      request.end(JSON.stringify({ key: Buffer.from("a").toString("base64") }));
    });
  }

  it("answers clients with a certificate of its CA, over gRPC and HTTP, and nobody else", async () => {
    await lab.control("start");
    lab.etcdctl("put", "a", "b");
    const { ca, client: cert, clientKey: key } = lab.pki;
    expect(await readOverGateway({ ca, cert, key })).toContain('"count":"1"');
    await expect(readOverGateway({ ca })).rejects.toThrow(/certificate required|alert|ECONNRESET/);
    await expect(readOverGateway({ cert, key })).rejects.toThrow(/certificate/);
  });
});
