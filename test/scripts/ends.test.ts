/** How every command ends, whatever ends it: exit code, one JSON, one error that steers no terminal, closed pipes, full disks. */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import * as fs from "node:fs";
import { once } from "node:events";
import * as net from "node:net";
import * as path from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { exitCodeOfError, messageOfError } from "../../scripts/errors";
import { shellLine, shellQuote } from "../../machine/shell/quote";
import { visibleLines } from "../../scripts/terminal";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand, PROJECT } from "../support/lab";
import { openCommands } from "../support/commands";
import { timeLimit } from "../support/time-limit.cjs";

vi.setConfig({ testTimeout: timeLimit(240_000) });

const workspace = createWorkspace();
const command = openCommands();
afterAll(async () => {
  await command.close();
  workspace.remove();
});
const good = workspace.write("good.db", snapshotBytes("kubernetes-1.35-main.db"));

// In one word, wherever the project lies.
const R = workspace.path("R");
fs.writeFileSync(
  R,
  `#!/bin/sh\nexec ${shellLine(process.execPath, path.join(PROJECT, "scripts", "etcd-restore.cjs"))} "$@"\n`,
  { mode: 0o700 },
);

/** Runs a line of bash in which `$R` is our command and `$F` a good backup. */
function bash(line: string): SpawnSyncReturns<string> {
  return spawnSync("bash", ["-o", "pipefail", "-c", line], {
    encoding: "utf8",
    cwd: workspace.path("."),
    env: { ...process.env, NO_COLOR: "1", R, F: good },
  });
}

it.each([
  ["inspect $F | head -1", /^file /],
  ["ls / $F -r | head -1", /^base64:/],
  ["get /registry/namespaces/default $F | head -1", /^\{/],
  ["diff $F $F | head -1", /^A /],
  ["inspect --help | head -1", /^Usage/],
  ["completion bash | head -1", /^# etcd-restore/],
])("$R %s: a reader that goes is no error", (line, first) => {
  const ended = bash(`$R ${line}`);
  expect([ended.status, ended.stderr]).toEqual([0, ""]);
  expect(ended.stdout).toMatch(first);
});

it("npm run image and the labs: a reader that goes is no error, a full disk is one", () => {
  const programs = ["scripts/tools/image/image.ts", "labs/kubernetes/lab.ts"];
  for (const program of programs) {
    const run = `cd ${shellQuote(PROJECT)} && $N --require ./engine/typescript.cjs ${program} --help`;
    const gone = bash(`N=${process.execPath}; ${run} | head -1`);
    expect([gone.status, gone.stderr], program).toEqual([0, ""]);
    expect(gone.stdout).toMatch(/^Usage/);
    const full = bash(`N=${process.execPath}; ${run} > /dev/full`);
    expect([full.status, full.stderr], program).toEqual([
      3,
      "error: the output could not be written: no space is left on the device\n",
    ]);
  }
});

it.each(["inspect $F", "ls / $F", "get /registry/namespaces/default $F", "version"])(
  "$R %s > /dev/full: a sentence and exit code 3",
  (line) => {
    const ended = bash(`$R ${line} > /dev/full`);
    expect(ended.stderr).toBe(
      "error: the output could not be written: no space is left on the device\n",
    );
    expect(ended.status).toBe(3);
  },
);

/** Wrong use of every kind: each is one error, exit code 2, and with --json one JSON that says so. */
it.each([
  ["", /Usage/],
  ["bogus", /unknown command/],
  ["inspect", /missing required argument/],
  ["inspect ''", /empty/],
  ["inspect absent.db", /no such file/],
  ["get ''  $F", /a key cannot be empty/],
  ["get '' --file $F", /a key cannot be empty/],
  ["ls / --file ''", /empty/],
  ["ls / --stack ''", /empty/],
  ["ls / --stack nope", /stack nope is not up .*no Pulumi\.nope\.yaml/],
  ["verify $F --stack nope", /stack nope is not up/],
  ["verify --stack ../x", /cannot be a stack's name/],
  ["ls / --endpoint nonsense", /"nonsense" is no endpoint; it must be like https/],
  [
    "ls / --endpoint http://127.0.0.1:1 --stack local",
    /Give one of FILE, --stack NAME, --endpoint/,
  ],
  ["ls / $F --cacert x --stack local", /too many/],
  ["ls / --cacert x", /go with --endpoint/],
  ["ls nothere neither", /one of the two words/],
  ["verify $F --file $F", /twice/],
  ["verify $F --report ''", /empty/],
  ["verify $F --phase copy=x", /NAME=SECONDS/],
  ["start ''", /empty/],
  ["start -c verificaton=quick", /did you mean verification\?/],
  ["start -c etcd-restor:target=local", /did you mean etcd-restore:target\?/],
  ["stop -c nonsense", /KEY=VALUE/],
  ["doctor --stack nope", /nope/],
  ["completion csh", /bash, zsh, fish/],
])("%s is wrong use", async (line, message) => {
  const args = wordsOf(line);
  const said = await command.run(args);
  expect(said.stderr).toMatch(message);
  expect([said.code, said.stdout]).toEqual([2, ""]);
  expect(said.stderr).not.toMatch(/^\s+at /m);
  if (line === "") return; // help, and no command to say it of
  const json = await command.run([...args, "--json"]);
  const found = JSON.parse(json.stdout) as { readonly error: string; readonly exitCode: number };
  expect([json.code, found.exitCode]).toEqual([2, 2]);
  expect(found.error).toMatch(message);
});

/** The words of a line, quoted or not. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) =>
    (quoted ?? word ?? "").replace("$F", good),
  );
}

it.each([
  ["inspect $F -q", /^RESTORABLE .*\n$/],
  ["diff $F $F --quiet", /^SAME .*\n$/],
  ["doctor -q --file absent.db", /^NOT READY .*\n$/],
])("%s prints the verdict line alone", async (line, verdict) => {
  expect((await command.run(wordsOf(line))).stdout).toMatch(verdict);
});

it("shows what is foreign visibly, in every message", async () => {
  const name = "a\u001b[31mb\u0007\nc\u202e.db";
  fs.writeFileSync(workspace.path(name), "no backup");
  for (const words of ["inspect", "diff $F", "ls /", "verify --endpoint http://127.0.0.1:1"]) {
    const ended = await command.run([...wordsOf(words), workspace.path(name)]);
    expect(`${ended.stdout}${ended.stderr}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(ended.code, ended.stderr).not.toBe(0);
    expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
  }
  expect(visibleLines("\u001b[31mred\u001b[39m\u001b]0;x\u0007", true)).toBe(
    "\u001b[31mred\u001b[39m\\u{1b}]0;x\\u{7}",
  );
});

it("says in a sentence what a computer has too little of", () => {
  const system = (code: string): Error =>
    Object.assign(new Error(`${code}: x`), { code, syscall: "open", path: "/a\u001bb" });
  expect(messageOfError(system("EMFILE"))).toBe(
    "/a\\u{1b}b: this process may not open more files (ulimit -n)",
  );
  expect(messageOfError(system("EROFS"))).toMatch(/can only be read/);
  expect(exitCodeOfError(system("ENOSPC"))).toBe(3);
  expect(messageOfError(new RangeError("Array buffer allocation failed"))).toMatch(/ulimit -v/);
  const unwritable = bash("TMPDIR=/proc/nowhere $R inspect $F -q");
  expect([unwritable.status, unwritable.stderr]).toEqual([0, ""]);
});

it.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("ends with the shell's code after %s", async (signal, code) => {
  // A server that accepts and says nothing.
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  try {
    const running = beginCommand(["ls", "/", "--json", "--endpoint", `http://127.0.0.1:${port}`]);
    await once(server, "connection");
    running.process.kill(signal);
    const ended = await running.ended;
    expect(ended.code, ended.stderr).toBe(code);
    expect(JSON.parse(ended.stdout)).toMatchObject({ exitCode: code });
  } finally {
    server.close();
  }
});
