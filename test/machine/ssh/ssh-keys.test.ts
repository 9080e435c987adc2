import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  knownHostsLine,
  makeSshKey,
  withoutComment,
  type MachineKeys,
} from "../../../machine/ssh/ssh-keys";
import { TYPESCRIPT } from "../../support/typescript";

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "ssh-keys-"));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

const sshKeygen = spawnSync("ssh-keygen", ["-?"]).error === undefined;

function script(args: readonly string[], input = "") {
  return spawnSync(
    process.execPath,
    [
      "--require",
      TYPESCRIPT,
      path.join(__dirname, "../../../scripts/steps/make-ssh-keys.ts"),
      ...args,
    ],
    { input, encoding: "utf8" },
  );
}

describe("makeSshKey", () => {
  it.runIf(sshKeygen)(
    "makes private keys that ssh-keygen reads, whatever the comment's length",
    () => {
      for (const comment of ["a", "ab", "abc", "abcd", "abcde", "lab@etcd-1", "etcd-restore"]) {
        const key = makeSshKey(comment);
        const file = path.join(directory, comment);
        fs.writeFileSync(file, key.privateKey, { mode: 0o600 });
        const derived = execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" });
        expect(derived.trim()).toBe(key.publicKey);
      }
    },
  );

  it.runIf(sshKeygen)("makes keys whose signatures the public half verifies", () => {
    const key = makeSshKey("lab");
    fs.writeFileSync(path.join(directory, "key"), key.privateKey, { mode: 0o600 });
    fs.writeFileSync(path.join(directory, "allowed"), `lab ${key.publicKey}\n`);
    fs.writeFileSync(path.join(directory, "text"), "signed");
    execFileSync("ssh-keygen", ["-Y", "sign", "-q", "-n", "file", "-f", "key", "text"], {
      cwd: directory,
    });
    const verify = (content: string) =>
      spawnSync(
        "ssh-keygen",
        ["-Y", "verify", "-q", "-n", "file", "-f", "allowed", "-I", "lab", "-s", "text.sig"],
        { cwd: directory, input: content },
      ).status;
    expect(verify("signed")).toBe(0);
    expect(verify("other")).not.toBe(0);
  });

  it("makes another key each time, ten thousand without waiting for itself", () => {
    // In a process of its own: of one that waits for a lock of its own no timer ever comes.
    const keys = path.join(__dirname, "../../../machine/ssh/ssh-keys.ts");
    const program = `
      require(${JSON.stringify(TYPESCRIPT)});
      const { makeSshKey } = require(${JSON.stringify(keys)});
      const made = new Set();
      for (let i = 0; i < 10_000; i++) made.add(makeSshKey("x").publicKey);
      console.log(made.size);`;
    const { stdout } = spawnSync(process.execPath, ["-e", program], {
      encoding: "utf8",
      timeout: 60_000,
    });
    expect(stdout).toBe("10000\n");
  });

  it.each(["", "two words", "a\nb", "ü"])("refuses the comment %j", (comment) => {
    expect(() => makeSshKey(comment)).toThrow(RangeError);
  });
});

it("pins a key without its comment, with the port where it is not 22", () => {
  expect(withoutComment("ssh-ed25519 AAAA lab@x\n")).toBe("ssh-ed25519 AAAA");
  expect(knownHostsLine("203.0.113.7", 22, "ssh-ed25519 AAAA lab")).toBe(
    "203.0.113.7 ssh-ed25519 AAAA\n",
  );
  expect(knownHostsLine("203.0.113.7", 2222, "ssh-ed25519 AAAA")).toBe(
    "[203.0.113.7]:2222 ssh-ed25519 AAAA\n",
  );
});

describe("scripts/steps/make-ssh-keys.ts", () => {
  it("prints two different keys as one JSON and nothing else", () => {
    const made = script(["make", "lab"]);
    expect(made).toMatchObject({ status: 0, stderr: "" });
    const keys = JSON.parse(made.stdout) as MachineKeys;
    expect(keys.login.publicKey).not.toBe(keys.host.publicKey);
    expect(keys.host.privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
  });

  it("writes the files for ssh readable by their owner only, again too, and takes them away", () => {
    const target = path.join(directory, "ssh");
    const request = (privateKey: string) =>
      JSON.stringify({ privateKey, knownHosts: "host key\n" });
    expect(script(["write", target], request("first\n")).status).toBe(0);
    expect(script(["write", target], request("second\n")).status).toBe(0);
    expect(fs.readFileSync(path.join(target, "ssh-key"), "utf8")).toBe("second\n");
    expect(fs.readFileSync(path.join(target, "known_hosts"), "utf8")).toBe("host key\n");
    expect(fs.statSync(path.join(target, "ssh-key")).mode & 0o777).toBe(0o600);
    expect(fs.statSync(target).mode & 0o777).toBe(0o700);
    expect(script(["remove", target]).status).toBe(0);
    expect(fs.existsSync(target)).toBe(false);
    expect(script(["remove", target]).status).toBe(0);
  });

  it("never repeats a key that it was given wrongly", () => {
    const wrong = script(["write", path.join(directory, "ssh")], '{"privateKey": "the secret"}');
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain("knownHosts");
    expect(wrong.stderr).not.toContain("the secret");
  });

  it.each([[[]], [["make"]], [["grow", "x"]]])("refuses %j as wrong use", (args) => {
    expect(script(args)).toMatchObject({ status: 2, stdout: "" });
  });
});

// Does not prove: that an sshd takes the host key and lets the log-in key in (the machine tests do).
