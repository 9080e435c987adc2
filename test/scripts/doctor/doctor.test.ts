import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as http from "node:http";
import * as net from "node:net";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { doctor, type DoctorOptions } from "../../../scripts/commands/doctor";
import { createWorkspace, snapshotBytes, type Workspace } from "../../support/kubernetes-fixtures";
import { freePorts } from "../../support/ports";

const V2 = path.join(__dirname, "../../fixtures/v2-backup");

let files: Workspace;
let printed: string;
beforeEach(() => {
  files = createWorkspace();
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  files.remove();
});

async function run(more: Partial<DoctorOptions> = {}) {
  printed = "";
  const [clientPort, peerPort] = await freePorts(2);
  const config = {
    "etcd-restore:labDirectory": files.path("lab"),
    "etcd-restore:clientPort": `${clientPort}`,
    "etcd-restore:peerPort": `${peerPort}`,
    ...more.config,
  };
  return doctor({ ...more, config });
}

const Json = z.object({
  verdict: z.string(),
  checks: z.array(
    z.object({
      id: z.string(),
      verdict: z.string(),
      found: z.string(),
      mend: z.string().optional(),
    }),
  ),
});

const backupCheck = () => Json.parse(JSON.parse(printed)).checks.find(({ id }) => id === "backup");

describe("the doctor on this computer", () => {
  it("finds it ready for the sample, in one table, and makes nothing", async () => {
    expect(await run()).toBe(0);
    expect(printed).toMatch(
      /^ok +Backup +kubernetes-1\.35-main\.db: 1\.4 MiB, 337 keys, of etcd 3\.6$/m,
    );
    expect(printed.trimEnd()).toMatch(/READY {2}nothing stands in the way$/);
    expect(Math.max(...printed.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(fs.existsSync(files.path("lab"))).toBe(false);
  });

  it("names who holds a port, ends with 1, and says so in its JSON", async () => {
    const taken = net.createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as net.AddressInfo;
    try {
      const config = { "etcd-restore:clientPort": `${port}` };
      expect(await run({ json: true, config })).toBe(1);
    } finally {
      taken.close();
    }
    const { verdict, checks } = Json.parse(JSON.parse(printed));
    expect(verdict).toBe("not-ready");
    expect(checks.filter((check) => check.verdict === "fail")).toEqual([
      expect.objectContaining({
        id: "ports",
        found: expect.stringContaining(
          `port ${port} on 127.0.0.1 (setting clientPort) is taken`,
        ) as unknown,
      }),
    ]);
  });

  it("refuses a damaged backup, and then does not guess which etcd it needs", async () => {
    const bytes = snapshotBytes("kubernetes-1.35-events.db");
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    expect(await run({ file: files.write("damaged.db", bytes), json: true })).toBe(1);
    expect(backupCheck()).toMatchObject({ verdict: "fail" });
  });

  /** Behind a link lies nothing but this. */
  async function runBehindLink(name: string, bytes: Buffer, asked = name): Promise<number> {
    const server = http.createServer(({ url }, answer) => {
      if (url !== `/${name}`) answer.statusCode = 404;
      answer.end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    try {
      return await run({ file: `http://127.0.0.1:${port}/${asked}`, json: true });
    } finally {
      server.close();
    }
  }

  it.each([
    ["a.7z", Buffer.from("377abcaf271c0004", "hex"), /: a 7z archive: unpack it first/],
    [
      "cut.db",
      snapshotBytes("kubernetes-1.35-events.db").subarray(0, 100_000),
      /cut short: \d+ of its bytes are missing/,
    ],
  ])(
    "names what is wrong with what a link leads to as with a file: %s",
    async (name, bytes, why) => {
      expect(await runBehindLink(name, bytes)).toBe(1);
      expect(backupCheck()).toMatchObject({
        verdict: "fail",
        found: expect.stringMatching(why) as unknown,
      });
      expect(await run({ file: files.write(name, bytes), json: true })).toBe(1);
      expect(backupCheck()).toMatchObject({ verdict: "fail" });
    },
  );

  it("names a place that has no such backup, or does not answer", async () => {
    expect(await runBehindLink("a.db", Buffer.alloc(0), "b.db")).toBe(1);
    expect(backupCheck()).toMatchObject({
      verdict: "fail",
      found: expect.stringMatching(/b\.db answers 404; there is no such backup/) as unknown,
    });
    expect(await run({ file: "http://127.0.0.1:1/a.db", json: true })).toBe(1);
    expect(backupCheck()).toMatchObject({
      verdict: "fail",
      found: expect.stringContaining("http://127.0.0.1:1/a.db cannot be reached") as unknown,
      mend: expect.stringContaining("answers from here") as unknown,
    });
  });

  it("reads a backup of a v2 store also where it has to be fetched", async () => {
    const archive = files.path("v2.tar.gz");
    execFileSync("tar", ["-C", V2, "-czf", archive, "."]);
    await runBehindLink("v2.tar.gz", fs.readFileSync(archive));
    expect(backupCheck()).toMatchObject({
      verdict: "pass",
      found: expect.stringMatching(
        /^v2\.tar\.gz: \d+ keys of a v2 store, for etcd 3\.5$/,
      ) as unknown,
    });
  });

  it("does not look for an etcd that no backup asks for", async () => {
    expect(await run({ file: files.path("missing.db"), json: true })).toBe(1);
    const { checks } = Json.parse(JSON.parse(printed));
    expect(backupCheck()?.found).toMatch(/missing\.db/);
    expect(checks.find(({ id }) => id === "programs")?.verdict).toBe("not-checked");
  });
});

it.each([
  [{ stack: "nobodys" }, /there is no .*Pulumi\.nobodys\.yaml/],
  [{ stack: "local", target: "openstack" as const }, /stack "local" has target local/],
  [{ config: { "etcd-restore:target": "moon" } }, /target is "moon"/],
])("is used wrongly with %j", async (options, message) => {
  await expect(run(options)).rejects.toThrow(message);
});
