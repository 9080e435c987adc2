/** The scripts of `completion`, each in its own shell: what it offers behind what was typed. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWorkspace } from "../support/kubernetes-fixtures";
import { beginCommand, PROJECT } from "../support/lab";

const files = createWorkspace();
afterAll(() => {
  files.remove();
});

function run(program: string, ...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ended with ${String(status)}: ${stderr}`);
  expect(stderr).toBe("");
  return stdout;
}

/** The words that a shell offers behind a line, once it has read the script. */
const OFFERS = {
  bash(script: string, line: string) {
    // Outside of a completion bash knows no `compopt`.
    const ask =
      'source "$1"; compopt() { :; }; read -ra COMP_WORDS <<<"$2."; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); ' +
      'COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]%.}; _etcd_restore; printf "%s\\n" "${COMPREPLY[@]}"';
    return run("bash", "--norc", "-c", ask, "bash", script, line).split("\n");
  },
  zsh(script: string, line: string) {
    const offered = files.path("offered");
    fs.rmSync(offered, { force: true });
    const driver = path.join(PROJECT, "test", "support", "zsh-offers.zsh");
    run("zsh", "-f", driver, script, line, offered);
    return fs.readFileSync(offered, "utf8").split("\n").slice(1).join(" ").split(" ");
  },
  fish(script: string, line: string) {
    const ask = "source $argv[1]; complete -C $argv[2]";
    const lines = run("fish", "--no-config", "-c", ask, script, line).split("\n");
    return lines.map((text) => text.split("\t")[0] ?? "");
  },
} as const;

const isThere = (shell: string) => spawnSync(shell, ["--version"]).error === undefined;

describe.each(["bash", "zsh", "fish"] as const)("completion in %s", (shell) => {
  let script = "";
  beforeAll(async () => {
    const { code, stdout } = await beginCommand(["completion", shell]).ended;
    expect(code).toBe(0);
    script = files.write(`script.${shell}`, Buffer.from(stdout));
  });

  it.runIf(isThere(shell)).each([
    ["ver", ["verify", "version"]],
    ["completion ", ["bash", "fish", "zsh"]],
    ["verify --le", ["--level"]],
    ["verify --level ", ["full", "quick", "standard"]],
    ["ls --salv", ["--salvage"]],
    ["stop --pur", ["--purge"]],
  ])("offers behind `%s` what may stand there (left out where the shell is not)", (line, words) => {
    const offered = OFFERS[shell](script, `etcd-restore ${line}`).filter((word) => word !== "");
    expect([...new Set(offered)].sort()).toEqual(words);
  });
});
