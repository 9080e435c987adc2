/**
 * docs/exercise.md on the lab's cluster: every command of the page is run, in its order and in one shell, and prints
 * what the page says. With WRITE_EXERCISE=1 the page is given what they print now.
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { text as readAll } from "node:stream/consumers";
import { afterAll, expect, test } from "vitest";
import { programsOf } from "../../support/etcd-server";
import { processesOf, PROJECT } from "../../support/lab";
import { freePorts } from "../../support/ports";
import { commonForm, putTogether, takeApart, type Step } from "../../support/page";

const PAGE = path.join(PROJECT, "docs", "exercise.md");
const MARK = "----- end of step";
const home = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-test-"));

afterAll(() => {
  fs.rmSync(home, { recursive: true, force: true });
});

/** A folder with an etcd and an etcdctl that still know the v2 store: the course takes Debian's. */
async function oldPrograms(): Promise<string> {
  const folder = path.join(home, "programs");
  const { etcd, etcdctl } = await programsOf("3.5");
  fs.mkdirSync(folder);
  for (const program of [etcd, etcdctl]) {
    fs.symlinkSync(program, path.join(folder, path.basename(program)));
  }
  return folder;
}

/** Runs all commands in one shell; gives what each printed on stdout, and its exit code. */
async function runAll(steps: readonly Step[]) {
  const [client = 0, peer = 0] = await freePorts(2);
  const stack = `-c labDirectory=${home}/lab`;
  const flags = `${stack} -c clientPort=${client} -c peerPort=${peer}`;
  // The page's own words, on a stack of its own: a lab in this clone may be somebody's.
  const ours = `node ${PROJECT}/scripts/etcd-restore.cjs --no-color`;
  const script = [
    `npx() { shift; local own=(); case "$1 $*" in start\\ *) own=(${flags});; stop\\ *|*--stack*) own=(${stack});; esac; ${ours} "$@" "\${own[@]}"; }`,
    `npm() { case $1 in start|stop) local c=$1; shift; [ "\${1-}" != -- ] || shift; npx etcd-restore "$c" "$@";; *) command npm "$@";; esac; }`,
    ...steps.map(({ command }) => `${command}\nprintf '\\n%s %s\\n' '${MARK}' $?`),
  ];
  const shell = spawn("bash", ["-s"], {
    cwd: PROJECT,
    env: {
      ...process.env,
      HOME: home,
      NO_COLOR: "1",
      PATH: `${await oldPrograms()}:${process.env.PATH ?? ""}`,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  shell.stdin.end(script.join("\n"));
  const [stdout, stderr] = await Promise.all([readAll(shell.stdout), readAll(shell.stderr)]);
  const results = stdout.split(new RegExp(`\\n?\\n${MARK} (\\d+)\\n`));
  return steps.map((step, i) => ({
    ...step,
    now: (results[2 * i] ?? "").replaceAll(home, "~").replaceAll(PROJECT, ".").trimEnd(),
    code: Number(results[2 * i + 1] ?? Number.NaN),
    stderr,
  }));
}

test("every command of the page prints what the page says", { timeout: 900_000 }, async () => {
  const page = fs.readFileSync(PAGE, "utf8");
  const parts = takeApart(page);
  expect(putTogether(parts, ({ printed }) => printed)).toBe(page);
  const steps = parts.flatMap(({ step }) => step ?? []);
  expect(steps.length).toBeGreaterThan(10);
  const ran = await runAll(steps);
  if (process.env.WRITE_EXERCISE === "1") {
    fs.writeFileSync(
      PAGE,
      putTogether(parts, (_, i) => ran[i]?.now ?? ""),
    );
  }
  for (const { command, printed, now, code, stderr } of ran) {
    expect(code, `${command}\n${now}\n${stderr}`).toBe(0);
    if (process.env.WRITE_EXERCISE !== "1")
      expect(commonForm(now), command).toBe(commonForm(printed));
  }
  expect(processesOf(home)).toEqual([]);
});
