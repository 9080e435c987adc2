/** Stacks that were made by version 0.1 are destroyed by the command lines in their state: these must go on working. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import { PROJECT } from "../support/lab";
import { temporaryDirectory } from "../support/temporary";

it.each([
  ["local-etcd", ["remove"]],
  ["client-files", ["remove"]],
  ["make-ssh-keys", ["remove"]],
] as const)("scripts/%s.ts removes what an older version made", async (name, args) => {
  const directory = path.join(await temporaryDirectory(), "made");
  fs.mkdirSync(directory);
  const script = [`./engine/typescript.cjs`, `scripts/${name}.ts`] as const;
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--require", ...script, ...args, directory],
    { cwd: PROJECT, encoding: "utf8" },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(fs.existsSync(directory)).toBe(false);
});

it("says what is wrong as the step itself does", () => {
  const argv = ["--require", "./engine/typescript.cjs", "scripts/local-etcd.ts", "dance"];
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: PROJECT, encoding: "utf8" });
  expect(stderr).toContain("install or remove DIR is needed");
  expect(status).toBe(2);
});
