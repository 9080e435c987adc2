/** The temporary files of a drill that is killed: `sweep` finds them, also those that sockets keep out of its folder. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, test } from "vitest";
import { drillName } from "../../scripts/drills/names";
import { beginCommand, PROJECT } from "../support/lab";
import { temporaryDirectory } from "../support/temporary";

const KEY = "not-a-key";

/** Opens a drill's place, makes the files that ssh is given, and is killed; tells where they lie. */
function killed(home: string, name: string, target: string): string {
  const program = `
    const { openPlace } = require("./scripts/drills/home");
    const { writeSshFiles } = require("./machine/ssh/ssh-files");
    const mark = { name: process.argv[2], target: process.argv[3], engine: "embedded", config: {}, source: "x" };
    openPlace(process.argv[1], { ...mark, startedAt: new Date().toISOString() });
    const hop = { host: "h", port: 22, user: "u", privateKey: "${KEY}", hostKey: "ssh-ed25519 AAAA" };
    require("node:fs").writeSync(1, writeSshFiles(hop).directory);
    process.kill(process.pid, "SIGKILL");
  `;
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    ["--require", "./engine/typescript.cjs", "-e", program, home, name, target],
    { cwd: PROJECT, encoding: "utf8" },
  );
  expect(signal, stderr).toBe("SIGKILL");
  return stdout;
}

test.each([
  ["short", "openstack", 1],
  ["of a length that sockets have no room for", "openstack", 60],
  ["of a length that even a drill without ssh has no room for", "local", 90],
])("a home whose path is %s (%s)", async (_, target, length) => {
  const root = await temporaryDirectory();
  const home = path.join(length === 1 ? fs.mkdtempSync("/tmp/h-") : root, "h".repeat(length));
  const name = drillName(new Date(Date.now() + 3_600_000));
  const directory = killed(home, name, target);
  expect(fs.readFileSync(path.join(directory, "machine.key"), "utf8")).toContain(KEY);
  expect(directory).toContain(name);
  const { code, stdout, stderr } = await beginCommand(["sweep", "--home", home]).ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toContain(`${name}  left: removed`);
  expect(fs.existsSync(directory)).toBe(false);
  expect(fs.readdirSync("/tmp")).not.toContain(name);
  expect(fs.readdirSync(home)).toEqual([]);
  if (length === 1) fs.rmSync(path.dirname(home), { recursive: true });
});

test("what somebody else has put under its name in /tmp is not followed", async () => {
  const home = path.join(await temporaryDirectory(), "h".repeat(90));
  const name = drillName(new Date(Date.now() + 3_600_000));
  const theirs = await temporaryDirectory();
  fs.writeFileSync(path.join(theirs, "file"), "theirs");
  fs.mkdirSync(path.join(home, name), { recursive: true });
  // A drill that was killed before its mark was written.
  fs.utimesSync(path.join(home, name), 0, 0);
  fs.symlinkSync(theirs, path.join("/tmp", name));
  try {
    const { stdout } = await beginCommand(["sweep", name, "--home", home]).ended;
    expect(stdout).toContain(`${name}  left: removed`);
    expect(fs.readFileSync(path.join(theirs, "file"), "utf8")).toBe("theirs");
  } finally {
    fs.rmSync(path.join("/tmp", name));
  }
});
