/** Paths of a user's own making: what a shell, an environment file or a terminal would take for something else. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { ensureEtcd } from "../../machine/programs/programs";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { openLab, type Lab } from "../support/lab";

const LIMIT = 120_000;
/** Of a file or folder; no name may have more in it than this. */
const ODD = 'it\'s "$HOME" `id` \\n %h a=b\n;&|*?[é]';
const files = createWorkspace();
afterAll(() => {
  files.remove();
});

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab.dispose());

test(
  "a backup and programs with any name are restored and proved, in a folder with = and spaces in its name",
  async () => {
    const snapshot = files.write(`${ODD}.db`, snapshotBytes("kubernetes-1.35-main.db"));
    const programs = files.path(`programs ${ODD}`);
    fs.mkdirSync(programs);
    for (const program of Object.values(await ensureEtcd("3.6"))) {
      if (typeof program === "string" && path.isAbsolute(program) && fs.statSync(program).isFile())
        fs.copyFileSync(program, path.join(programs, path.basename(program)));
    }
    const folder = path.join(lab.directory, "a=b's (lab) é");
    const settings = ["-c", `etcdPrograms=${programs}`, "-c", `labDirectory=${folder}`];

    const ended = await lab.run("start", snapshot, ...settings);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).not.toMatch(/warning/i);
    const stopped = await lab.run("stop", ...settings);
    expect(stopped.code, stopped.stderr).toBe(0);
    expect(fs.existsSync(folder)).toBe(false);
  },
  LIMIT,
);

test.each(['"', "$HOME", "`id`", "\\", "\n", "\u001b[2J"])(
  "a lab folder with %j in its name is refused before anything is made",
  async (odd) => {
    const folder = path.join(lab.directory, `x${odd}y`);
    const ended = await lab.run("start", "-c", `labDirectory=${folder}`);
    expect(ended.code, ended.stderr).toBe(2);
    expect(ended.stderr).toMatch(/labDirectory is .*a path without quotes, \$/);
    expect(ended.stderr.trimEnd().split("\n").at(-1)).toMatch(
      /^error: the settings of stack local are wrong: .*labDirectory is .*; mend/,
    );
    expect(ended.stderr).not.toContain("\u001b[2J");
    for (const made of ["etcd", "client"]) {
      expect(fs.existsSync(path.join(folder, made)), made).toBe(false);
    }
  },
  LIMIT,
);
