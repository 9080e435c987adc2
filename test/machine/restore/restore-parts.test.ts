/** The parts of restore.sh: joined to one file, and their small functions by bats. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { joinParts, RESTORE_SCRIPT, restoreScript } from "../../../machine/restore/restore-script";
import { temporaryDirectory } from "../../support/temporary";

const there = (program: string) =>
  spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;

describe("restore.sh as one file", () => {
  it("has each part in the place of the line that takes it, and nothing else changed", () => {
    const script = 'a\nsource "$parts/parts/x.sh"\n  source "$parts/no.sh"\nb\n';
    expect(joinParts(script, (part) => `<${part}>\n`)).toBe(
      'a\n<parts/x.sh>\n  source "$parts/no.sh"\nb\n',
    );
    expect(joinParts('source "$parts/x"', () => "$& $1")).toBe("$& $1");
  });

  it("takes no other file, and is a script that bash can read", async () => {
    const whole = restoreScript();
    expect(whole).not.toMatch(/^source /m);
    for (const part of fs.readdirSync(path.join(path.dirname(RESTORE_SCRIPT), "parts"))) {
      const text = fs.readFileSync(path.join(path.dirname(RESTORE_SCRIPT), "parts", part), "utf8");
      expect(whole).toContain(text.trimEnd());
    }
    const file = path.join(await temporaryDirectory(), "whole.sh");
    fs.writeFileSync(file, whole);
    expect(spawnSync("bash", ["-n", file], { encoding: "utf8" }).stderr).toBe("");
    const ended = spawnSync("bash", [file, "--frob", "1"], { encoding: "utf8" });
    expect(ended).toMatchObject({ status: 2, stdout: "" });
    expect(ended.stderr).toContain("unknown flag --frob");
  });

  it.skipIf(!there("shellcheck"))("passes shellcheck (left out where it is not installed)", () => {
    expect(spawnSync("shellcheck", [RESTORE_SCRIPT], { encoding: "utf8" }).stdout).toBe("");
  });
});

it.skipIf(!there("bats"))(
  "the small functions of restore.sh do what they say (left out where bats is not installed)",
  () => {
    const file = path.join(__dirname, "restore-parts.bats");
    const ended = spawnSync("bats", ["--tap", file], { encoding: "utf8" });
    expect(ended.status, ended.stdout + ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/^1\.\.\d+$/m);
  },
);
