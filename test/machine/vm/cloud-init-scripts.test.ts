import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VM } from "../../../machine/vm/cloud-init";
import { causeOf } from "../../../scripts/run-end";
import { environmentFile } from "../../../machine/environment";

const environment = environmentFile({
  name: "etcd",
  dataDirectory: VM.dataDirectory,
  certificateDirectory: VM.certificateDirectory,
  clientAddress: "203.0.113.7",
  listenAddresses: ["0.0.0.0"],
  clientPort: 2379,
  peerPort: 2380,
  snapshotBytes: 0,
});

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "vm-scripts-"));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

const shellcheck = spawnSync("shellcheck", ["--version"]).error === undefined;

describe("scripts for the VM", () => {
  const machine = path.join(__dirname, "../../../machine/vm");
  const scripts = [
    ...["vm-service", "guard-metadata", "prepare-vm", "wait-ready", "write-environment"],
    ...["write-certificates", "../restore/check-space", "../restore/check-clock"],
  ];

  it.runIf(shellcheck).each(scripts)(
    "%s.sh passes shellcheck (left out where it is not installed)",
    (name) => {
      expect(
        spawnSync("shellcheck", [path.join(machine, `${name}.sh`)], { encoding: "utf8" }).stdout,
      ).toBe("");
    },
  );

  it("write-environment.sh lays a file down, and refuses what is no environment file", () => {
    const file = path.join(directory, "next.env");
    const script = fs
      .readFileSync(path.join(machine, "write-environment.sh"), "utf8")
      .replace(`FILE=${VM.nextEnvironmentFile}`, `FILE=${file}`);
    const write = (input: string) => spawnSync("bash", ["-c", script], { input, encoding: "utf8" });

    expect(write(environment).status).toBe(0);
    expect(fs.readFileSync(file, "utf8")).toBe(environment);
    const roomier = environment.replace("2147483648", "4294967296");
    expect(write(roomier).status).toBe(0);
    expect(fs.readFileSync(file, "utf8")).toBe(roomier);
    expect(fs.statSync(file).mode & 0o777).toBe(0o644);

    expect(write("").status).toBe(2);
    expect(fs.readFileSync(file, "utf8")).toBe(roomier);
    expect(fs.readdirSync(directory)).toEqual(["next.env"]);
  });

  it("wait-ready.sh tells what the first boot said of its failure, and that is the cause of the end", () => {
    const log = path.join(directory, "cloud-init-output.log");
    fs.writeFileSync(log, "prepare: error: what was mended meanwhile\n");
    const told = [
      ["Cloud-init v. 25.1 running 'modules:final'", "ssh-rsa AAAA host", "fetching the release"],
      ["curl: (7) Failed to connect", "prepare: error: cannot fetch https://mirror.invalid/x"],
      ["Failed to run module scripts-user"],
    ];
    fs.mkdirSync(path.join(directory, "instance", "scripts"), { recursive: true });
    for (const [name, does] of [
      ["systemctl", "echo failed"],
      ["cloud-init", "echo status: error; exit 1"],
      ["instance/scripts/runcmd", `echo "${told.flat().join("\n")}"; exit 1`],
    ] as const) {
      fs.writeFileSync(path.join(directory, name), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
    }
    const script = fs
      .readFileSync(path.join(machine, "wait-ready.sh"), "utf8")
      .replaceAll("/var/log/cloud-init-output.log", log);
    const ended = spawnSync("bash", ["-s", "--", "20", path.join(directory, "marker")], {
      input: script.replaceAll("/var/lib/cloud", directory),
      encoding: "utf8",
      env: { ...process.env, PATH: `${directory}:${process.env.PATH ?? ""}` },
    });
    expect(ended.status).toBe(3);
    expect(ended.stderr).toContain("curl: (7) Failed to connect");
    expect(ended.stderr).not.toMatch(/ssh-rsa|what was mended/);
    expect(causeOf(ended.stderr)).toBe(
      "cloud-init ended with code 1 and did not make this machine ready: cannot fetch https://mirror.invalid/x",
    );
  });

  it("check-clock.sh refuses a clock that would take no certificate, and waits for one that is set meanwhile", () => {
    const script = fs.readFileSync(path.join(machine, "../restore/check-clock.sh"), "utf8");
    const check = (ahead: number, input = script) => {
      const now = Math.floor(Date.now() / 1000) + ahead;
      return spawnSync("bash", ["-s", "--", `${now}`, "2"], { input, encoding: "utf8" });
    };
    const HOUR = 3600;

    for (const fine of [0, 22 * HOUR, -365 * 24 * HOUR]) expect(check(fine).status).toBe(0);
    const behind = check(365 * 24 * HOUR);
    expect(behind.status).toBe(3);
    expect(behind.stderr).toMatch(/says \S+Z, 87(59|60) hours behind this computer's/);
    // The machine's clock is set after a second: from then on `date` says what this computer said.
    const set = `date() { command date --date="+$(($(uptime) > began ? 366 : 0)) days" "$@"; }\n`;
    const mended = script.replace("while true", `${set}while true`);
    expect(check(365 * 24 * HOUR, mended).status).toBe(0);
  });
});

// Does not prove: what the other scripts do as root on a machine (the machine tests do).
