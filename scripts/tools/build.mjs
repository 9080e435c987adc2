// @ts-check
/**
 * Makes `dist/`, the part of the npm package that is run: `npm pack` calls it first (`prepack`). Nobody needs it in a
 * checkout, where the TypeScript is run as it is.
 *
 *     node scripts/tools/build.mjs [FOLDER]
 *
 * In `dist/` lies what lies in a checkout, in the same rooms: JavaScript in the place of TypeScript, the files that are
 * read or started when it runs, and the Pulumi project that `start` runs. So whatever names a file by where it lies itself
 * finds it there, too.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { parse, parseDocument } from "yaml";
import { lazyImports } from "../../engine/lazy-imports.cjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const ROOMS = [
  ...["boot", "cluster", "components", "engine", "etcd", "evidence", "files", "machine"],
  ...["openstack", "scripts", "settings", "sources"],
];
/** What is read or started at run time, besides the code that is compiled; go.mod and go.sum are of etcd's own build. */
const RUN_TIME = new Set([".cjs", ".py", ".sh", ".wasm", ".json", ".mod", ".sum"]);
/** Of a checkout alone: the launcher stands outside of dist/, and tools make what is already there. */
const NOT_PACKED = [
  "scripts/etcd-restore.cjs",
  "scripts/tools/",
  "etcd/snapshot/wasm/asconfig.json",
];
/** What others import: an ES module that does finds its names in the code as the compiler writes it, and only so. */
const IMPORTED = new Set(["components/index.js", "components/plugin.js", "etcd/reader.js"]);
/** Rooms that nobody outside can import need no types. */
const WITH_TYPES = new Set(["components", "etcd", "machine", "settings"]);

/** @param {string} dist */
function compile(dist) {
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  // Types are checked by `npm run check`: here that would be two fifths of the work, and again for each package.
  const args = ["-p", join(ROOT, "tsconfig.build.json"), "--noCheck", "--outDir", dist];
  const { status } = spawnSync(process.execPath, [tsc, ...args], { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("the sources do not compile");
  for (const file of filesIn(dist)) {
    const [room = ""] = relative(dist, file).split("/");
    if (file.endsWith(".d.ts") && !WITH_TYPES.has(room)) fs.rmSync(file);
    if (file.endsWith(".js") && !IMPORTED.has(relative(dist, file)))
      fs.writeFileSync(file, lazyImports(fs.readFileSync(file, "utf8"), ts));
  }
}

/** @param {string} dist */
function copyRunTimeFiles(dist) {
  for (const room of ROOMS) {
    for (const file of filesIn(join(ROOT, room))) {
      const name = relative(ROOT, file);
      if (!RUN_TIME.has(extname(file)) || NOT_PACKED.some((one) => name.startsWith(one))) continue;
      fs.mkdirSync(dirname(join(dist, name)), { recursive: true });
      fs.copyFileSync(file, join(dist, name));
    }
  }
}

/**
 * The Pulumi project of `start`: its program is JavaScript, and its sample backup lies beside it.
 * @param {string} dist
 */
function writeProject(dist) {
  const project = parseDocument(fs.readFileSync(join(ROOT, "Pulumi.yaml"), "utf8"));
  project.set("main", "index.js");
  project.setIn(["runtime", "options", "typescript"], false);
  fs.writeFileSync(join(dist, "Pulumi.yaml"), project.toString({ lineWidth: 0 }));

  const name = "Pulumi.local.yaml";
  const local = parseDocument(fs.readFileSync(join(ROOT, name), "utf8"));
  const sample = join(ROOT, String(local.getIn(["config", "etcd-restore:snapshot"])));
  fs.copyFileSync(sample, join(dist, "sample.db"));
  local.setIn(["config", "etcd-restore:snapshot"], "sample.db");
  fs.writeFileSync(join(dist, name), local.toString({ lineWidth: 0 }));

  // The compiler has laid the whole of it there, since our code reads its version in it.
  const all = parse(fs.readFileSync(join(ROOT, "package.json"), "utf8"));
  const { version, description, license, engines } = all;
  const own = {
    name: all.name,
    version,
    private: true,
    type: "commonjs",
    description,
    license,
    engines,
  };
  fs.writeFileSync(join(dist, "package.json"), `${JSON.stringify(own, undefined, 2)}\n`);
}

/** @param {string} folder @returns {string[]} */
function filesIn(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const dist = resolve(process.argv[2] ?? join(ROOT, "dist"));
fs.rmSync(dist, { recursive: true, force: true });
compile(dist);
copyRunTimeFiles(dist);
writeProject(dist);
