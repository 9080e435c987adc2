/** Nothing that is executed comes from a folder that somebody else can write to. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

import { compiledCodeFolder } from "../../engine/compiled-code.cjs";
import { temporaryDirectory } from "../support/temporary";
import { TYPESCRIPT } from "../support/typescript";

const ROOT = join(__dirname, "../..");
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
const CACHE = join(ROOT, ".tools", "compiled");

function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  return spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    timeout: 50_000,
  });
}

/** A program of the project, by what is named, which prints the words that are to be seen. */
const program = (by: string) => [
  "--require",
  by,
  join(ROOT, "scripts", "etcd-restore.ts"),
  "--version",
];

it.runIf(isRoot)("does not run what another user planted among the compiled code", async () => {
  const directory = await temporaryDirectory();
  fs.chmodSync(directory, 0o755);
  // A project of somebody else's, so that the user's own cache is taken.
  const project = join(directory, "project");
  fs.mkdirSync(join(project, "engine"), { recursive: true });
  for (const name of ["typescript.cjs", "compiled-code.cjs", "lazy-imports.cjs"]) {
    fs.copyFileSync(join(ROOT, "engine", name), join(project, "engine", name));
  }
  fs.symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
  fs.writeFileSync(
    join(project, "program.ts"),
    `const word: string = "mine";\nconsole.log(word);\n`,
  );
  fs.chownSync(project, NOBODY, NOBODY);
  const cache = join(directory, "cache");
  const compiled = join(cache, "etcd-restore", "compiled");
  const output = () => {
    const argv = [
      "--require",
      join(project, "engine", "typescript.cjs"),
      join(project, "program.ts"),
    ];
    return run(argv, { XDG_CACHE_HOME: cache }).stdout;
  };
  expect(output()).toBe("mine\n");
  const [name = ""] = fs.readdirSync(compiled);
  fs.writeFileSync(join(compiled, name), `console.log("planted");`);
  expect(output()).toBe("planted\n"); // the trap works: what is kept is run

  fs.chownSync(compiled, NOBODY, NOBODY);
  expect(output()).toBe("mine\n");
  fs.chownSync(compiled, 0, 0);
  fs.chmodSync(compiled, 0o770);
  expect(output()).toBe("mine\n");
});

it("compiles a changed file anew, and one that is wrong is an error that names it", async () => {
  const file = join(await temporaryDirectory(), "program.ts");
  const output = (source: string) => {
    fs.writeFileSync(file, source);
    return run(["--require", TYPESCRIPT, file], {});
  };
  expect(output(`console.log("first" satisfies string);`).stdout).toBe("first\n");
  expect(output(`console.log("second" satisfies string);`).stdout).toBe("second\n");
  expect(output(`console.log("first" satisfies string);`).stdout).toBe("first\n");
  const { stderr, status } = output(`const = 1;`);
  expect(stderr).toContain(`SyntaxError: ${file}: `);
  expect(status).toBe(1);
});

it("does not make a temporary directory that is not there, and gives the program the user's own", async () => {
  const missing = join(await temporaryDirectory(), "missing");
  const print = ["--require", TYPESCRIPT, "-p", "process.env.TMPDIR"];
  expect(run(print, { TMPDIR: missing }).stdout).toBe(`${missing}\n`);
  expect(run(program(TYPESCRIPT), { TMPDIR: missing }).status).toBe(0);
  expect(fs.existsSync(missing)).toBe(false);
});

it("keeps what was compiled in the project, for its user alone", () => {
  expect(run(program(TYPESCRIPT), {}).status).toBe(0);
  expect(fs.statSync(CACHE).mode & 0o777).toBe(0o700);
  expect(fs.readdirSync(CACHE).length).toBeGreaterThan(0);
});

it.runIf(isRoot)(
  "takes the user's cache for a project that is somebody else's, if it is safe",
  async () => {
    const directory = await temporaryDirectory();
    fs.chmodSync(directory, 0o755);
    const project = join(directory, "project");
    const cache = join(directory, "cache");
    fs.mkdirSync(project);
    fs.chownSync(project, NOBODY, NOBODY);
    const found = () => compiledCodeFolder(project, { XDG_CACHE_HOME: cache });
    const compiled = join(cache, "etcd-restore", "compiled");
    expect(found()).toBe(compiled);
    expect(fs.statSync(compiled).mode & 0o777).toBe(0o700);

    fs.chownSync(compiled, NOBODY, NOBODY);
    expect(found()).toBeUndefined();
    fs.rmdirSync(compiled);
    fs.symlinkSync(directory, compiled);
    expect(found()).toBeUndefined();
    fs.rmSync(compiled);
    fs.mkdirSync(compiled);
    fs.chmodSync(compiled, 0o777);
    expect(found()).toBeUndefined();
    fs.chmodSync(compiled, 0o700);
    expect(found()).toBe(compiled);
    // Whoever may rename a folder on the way may put another in its place.
    fs.chmodSync(cache, 0o777);
    expect(found()).toBeUndefined();
    fs.chmodSync(cache, 0o1777);
    expect(found()).toBe(compiled);
    fs.chownSync(cache, NOBODY, NOBODY);
    expect(found()).toBeUndefined();
  },
);

it("takes none when the project's folder is open to others", async () => {
  const project = await temporaryDirectory();
  const env = { XDG_CACHE_HOME: "/dev/null" };
  expect(compiledCodeFolder(project, env)).toBe(join(project, ".tools", "compiled"));
  fs.chmodSync(project, 0o777);
  expect(compiledCodeFolder(project, env)).toBeUndefined();
});
