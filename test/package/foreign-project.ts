/** Somebody else's project, with the package installed as npm would install it. */
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { dependencies } from "../../package.json";
import { timeLimit } from "../support/time-limit.cjs";

const ROOT = path.join(__dirname, "..", "..");
const SAMPLE = path.join(ROOT, "test", "fixtures", "kubernetes-1.35-main.db");
/** What such a project has besides what the package asks for. */
const OWN = ["typescript", "ts-node", "tsx", "@types/node"];

export interface ForeignProject {
  readonly folder: string;
  /** Where the package is. */
  readonly installed: string;
  /** Runs a program in it to its end; rejects when it ends badly. */
  readonly run: (
    program: string,
    args: readonly string[],
    env?: NodeJS.ProcessEnv,
  ) => Promise<{ readonly stdout: string; readonly stderr: string }>;
  readonly remove: () => void;
}

/** Path of the tarball; made once for the sources that there are. */
export async function tarball(): Promise<string> {
  const { packed } = await import("../../scripts/tools/set-up/packed.mjs");
  return await packed(ROOT, { log: console.error, signal: new AbortController().signal });
}

/**
 * Makes it, with `backup.db` and the programs of `programs/` in it.
 *
 * The package is a folder of its own, and beside it only what it depends on: what it would take from our other packages
 * is not there.
 */
export async function makeForeignProject(): Promise<ForeignProject> {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-foreign-")));
  const modules = path.join(folder, "node_modules");
  const installed = path.join(modules, "etcd-restore");
  const link = (name: string): void => {
    fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    fs.symlinkSync(path.join(ROOT, "node_modules", name), path.join(modules, name));
  };
  for (const name of [...Object.keys(dependencies), ...OWN].filter(
    (name, at, all) => all.indexOf(name) === at,
  ))
    link(name);
  fs.mkdirSync(path.join(modules, ".bin"), { recursive: true });
  fs.symlinkSync(
    "../etcd-restore/scripts/etcd-restore.cjs",
    path.join(modules, ".bin", "etcd-restore"),
  );
  fs.mkdirSync(installed);
  await promisify(execFile)("tar", [
    "xzf",
    await tarball(),
    "-C",
    installed,
    "--strip-components=1",
  ]);

  fs.cpSync(path.join(__dirname, "programs"), folder, { recursive: true });
  fs.cpSync(path.join(ROOT, "examples", "typescript"), path.join(folder, "example"), {
    recursive: true,
  });
  fs.copyFileSync(SAMPLE, path.join(folder, "backup.db"));
  for (const [name, text] of Object.entries({
    "package.json": JSON.stringify({ name: "somebody-elses", private: true, type: "commonjs" }),
    "Pulumi.yaml": "name: somebody-elses\nruntime: nodejs\nmain: index.ts\n",
    "tsconfig.json": JSON.stringify({ compilerOptions: STRICT, include: ["*.ts", "example/*.ts"] }),
  })) {
    fs.writeFileSync(path.join(folder, name), text);
  }
  return {
    folder,
    installed,
    run: (program, args, env = {}) =>
      promisify(execFile)(program, args, {
        cwd: folder,
        env: { ...process.env, NO_COLOR: "1", ...env },
        timeout: timeLimit(120_000),
        maxBuffer: 2 ** 26,
      }),
    remove: () => {
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As strict as TypeScript gets, our types themselves looked at as well. */
const STRICT = {
  ...{ target: "ES2022", lib: ["ES2023"], module: "node16", moduleResolution: "node16" },
  ...{ types: ["node"], strict: true, noUncheckedIndexedAccess: true, noImplicitOverride: true },
  ...{
    exactOptionalPropertyTypes: true,
    isolatedModules: true,
    noPropertyAccessFromIndexSignature: true,
  },
  ...{ esModuleInterop: true, skipLibCheck: true, outDir: "compiled" },
};
