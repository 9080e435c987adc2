/** Which packages the processes of a command load. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** Writes the names of the packages that a process has loaded, when it ends, into the folder LOADED. */
const PRELOAD = `process.on("exit", () => {
  const names = Object.keys(require.cache).flatMap((file) =>
    /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(file)?.[1] ?? []);
  const [, program = ""] = process.argv;
  const file = require("node:path").join(process.env.LOADED, process.pid + ".json");
  require("node:fs").writeFileSync(file, JSON.stringify([program, [...new Set(names)].sort()]));
});`;

export interface Loads {
  /** For the environment of what is to be watched; each process that it starts is watched as well. */
  readonly env: { readonly NODE_OPTIONS: string; readonly LOADED: string };
  /** The packages by the name of the program's file, and forgotten with it. */
  take(): ReadonlyMap<string, readonly string[]>;
  remove(): void;
}

export function watchLoads(): Loads {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-loads-"));
  const preload = path.join(folder, "preload.cjs");
  fs.writeFileSync(preload, PRELOAD);
  return {
    env: { NODE_OPTIONS: `--require ${preload}`, LOADED: folder },
    take() {
      const found = new Map<string, readonly string[]>();
      for (const name of fs.readdirSync(folder).filter((each) => each.endsWith(".json"))) {
        const file = path.join(folder, name);
        const [program, packages] = JSON.parse(fs.readFileSync(file, "utf8")) as [string, string[]];
        found.set(path.basename(program), packages);
        fs.rmSync(file);
      }
      return found;
    },
    remove() {
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
