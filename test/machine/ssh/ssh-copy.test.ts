/** Copies by the real `ssh` program and a real shell at the far end. Not proved here: sshd (test/acceptance/machine). */
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { copyFile, reconnecting } from "../../../machine/ssh/ssh-copy";
import { openShellServer, type ShellServer } from "./shell-server";

const MIB = 2 ** 20;
const never = new AbortController().signal;
const hasSsh = spawnSync("ssh", ["-V"]).error === undefined;
const hasZstd = spawnSync("zstd", ["--version"]).error === undefined;

describe.runIf(hasSsh)("copyFile (left out where there is no ssh)", () => {
  let there: ShellServer;
  let folder: string;
  let to: string;
  beforeAll(async () => {
    there = await openShellServer();
  });
  afterAll(() => there.close());
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-copy-"));
    to = path.join(folder, "it's there.db");
    there.cutEach(0);
    there.cutAt(/$^/);
    there.commands.length = 0;
    return () => {
      fs.rmSync(folder, { recursive: true });
    };
  });

  /** Copies; gives the bytes that went over the connection, and what was told of them. */
  async function copy(content: Buffer) {
    const from = path.join(folder, "here.db");
    fs.writeFileSync(from, content);
    const file = { from, to, sha256: sha256(content), title: "the backup" };
    const [before, told] = [there.received(), [] as number[]];
    const connection = reconnecting(there.setting, never);
    try {
      await copyFile(connection, file, (done) => told.push(done));
    } finally {
      await connection.close();
    }
    return { sent: there.received() - before, told };
  }
  const lies = () => fs.readdirSync(folder).sort();

  it("sends a file whole, for its owner alone, and not again once it is there", async () => {
    const content = randomBytes(3 * MIB + 17);
    const { told } = await copy(content);
    expect(fs.readFileSync(to).equals(content)).toBe(true);
    expect(fs.statSync(to).mode & 0o777).toBe(0o600);
    expect(lies()).toEqual(["here.db", "it's there.db"]);
    expect(told.at(-1)).toBe(content.length);
    expect((await copy(content)).sent, "a handshake").toBeLessThan(MIB / 8);
  });

  it.runIf(hasZstd)("sends by both ways, and by zstd less than there is", async () => {
    const content = Buffer.alloc(24 * MIB, "compressible ");
    const { sent } = await copy(content);
    expect(fs.readFileSync(to).equals(content)).toBe(true);
    expect(there.commands.some((command) => command.includes("zstd -dcq"))).toBe(true);
    expect(sent).toBeLessThan(content.length - 7 * MIB);
  });

  it("goes on where a connection was cut, and proves the whole", async () => {
    const content = randomBytes(12 * MIB);
    there.cutEach(5 * MIB);
    const { sent } = await copy(content);
    expect(fs.readFileSync(to).equals(content)).toBe(true);
    expect(sent).toBeLessThan(content.length + 8 * MIB);
    expect(there.commands.some((command) => command.includes("sha256"))).toBe(true);
  });

  it.each([
    ["part of another file", ".part", 2 * MIB],
    ["part that is longer than the file", ".part", 6 * MIB],
    ["whole file of another content", "", 4 * MIB],
  ])("takes no %s for its own", async (_what, ending, bytes) => {
    fs.writeFileSync(`${to}${ending}`, randomBytes(bytes));
    const content = randomBytes(4 * MIB);
    await copy(content);
    expect(fs.readFileSync(to).equals(content)).toBe(true);
    expect(lies()).toEqual(["here.db", "it's there.db"]);
  });

  it("says that the disk there is full, and how far it came", async () => {
    fs.symlinkSync("/dev/full", `${to}.part`);
    await expect(copy(randomBytes(2 * MIB))).rejects.toMatchObject({
      kind: "environment",
      message: expect.stringMatching(
        /^cannot copy the backup to .*it's there\.db: dd: .*No space left on device \(\d+ of 2097152 bytes/s,
      ) as string,
    });
  });

  it("gives up when the connection is cut again and again", async () => {
    there.cutAt(/^umask 077; .*dd/);
    await expect(copy(randomBytes(MIB))).rejects.toThrow(
      /cannot copy the backup to .*: the connection was cut again and again \(0 of 1048576 bytes are there; the next run goes on/,
    );
  });
});

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
