/** The lab's one node: namespaces and control groups of its own, that end together and leave nothing. */
import { execFile as execFileCallback, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { childOfUnshare, findFirst, recordFirst } from "../namespaced";

const execFile = promisify(execFileCallback);

/** Everything that the lab writes, from `up` to `down`. Of the computer, not of a clone: there is one lab on it. */
export const STATE_DIR = "/var/lib/etcd-restore-kubernetes";
/** The node's name, and its address: of a range kept for documentation (RFC 5737), in a network that has nothing else. */
export const NODE = "cp1";
export const ADDRESS = "192.0.2.10";
/** Where this computer reaches the cluster's API server. */
export const DOOR = "127.0.0.1:16443";
const SCRIPT = path.join(__dirname, "node.sh");
const RECORD = path.join(STATE_DIR, "node.json");
const READY = path.join(STATE_DIR, "log", "node-ready");
const READY_SECONDS = 60;
/** Name of its control groups, as node.sh makes them. */
const GROUP = "etcd-restore-kubernetes";
const GROUPS = "/sys/fs/cgroup";

/** The node, and how to run programs on it. */
export interface LabNode {
  readonly pid: number;
  /** Runs a program on the node to its end; gives what it printed. Its output is in `log/NAME.log` as well. */
  run(name: string, argv: readonly string[], signal?: AbortSignal): Promise<string>;
  /** Starts a program that ends with the node, in this computer's network. */
  startOutside(name: string, argv: readonly string[]): void;
}

/** Folders with the programs that the node runs. */
export interface NodeTools {
  readonly kubernetes: string;
  readonly packages: string;
}

/** The node that runs; undefined when there is none. */
export function findNode(): number | undefined {
  return findFirst(RECORD);
}

/** Makes the node on a state folder that is laid out already; ready when its containerd answers. */
export async function openNode(tools: NodeTools, signal: AbortSignal): Promise<LabNode> {
  const log = fs.openSync(path.join(STATE_DIR, "log", "node.log"), "a");
  const keeper = spawn(SCRIPT, [STATE_DIR, tools.kubernetes, tools.packages], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
    env: { LAB_NODE: NODE, LAB_ADDRESS: ADDRESS, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  fs.closeSync(log);
  let ended = false;
  keeper.on("error", () => (ended = true));
  keeper.on("exit", () => (ended = true));
  keeper.unref();
  const wait = async <T>(what: string, look: () => T | undefined): Promise<T> => {
    const end = Date.now() + READY_SECONDS * 1000;
    while (Date.now() < end && !ended) {
      signal.throwIfAborted();
      const found = look();
      if (found !== undefined) return found;
      await sleep(50);
    }
    const said = fs.readFileSync(path.join(STATE_DIR, "log", "node.log"), "utf8").trim();
    throw new Error(`${what} did not come in ${READY_SECONDS} s: ${said.slice(-500)}`);
  };
  const pid = recordFirst(
    RECORD,
    await wait("the node's first process", () => childOfUnshare(keeper.pid ?? 0)),
  );
  await wait("the node's containerd", () => (fs.existsSync(READY) ? true : undefined));
  return nodeAt(pid, tools);
}

/** Ends everything on it, at once; safe when there is none. */
export async function closeNode(): Promise<void> {
  const pid = findNode();
  if (pid !== undefined) process.kill(pid, "SIGKILL"); // the kernel ends the rest of its processes with the first
  const end = Date.now() + 20_000;
  while (findNode() !== undefined || !removeGroups()) {
    if (Date.now() > end) throw new Error(`the node (process ${pid ?? "gone"}) does not end`);
    await sleep(50);
  }
}

/** Removes the control groups, which are empty folders when everybody has ended; false when somebody has not. */
function removeGroups(): boolean {
  const hierarchies = fs.existsSync(GROUPS)
    ? [GROUPS, ...fs.readdirSync(GROUPS).map((name) => path.join(GROUPS, name))]
    : [];
  return hierarchies
    .map((hierarchy) => path.join(hierarchy, GROUP))
    .filter((group) => fs.existsSync(group))
    .every((group) => removeGroup(group));
}

function removeGroup(group: string): boolean {
  try {
    for (const entry of fs.readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeGroup(path.join(group, entry.name))) return false;
    }
    fs.rmdirSync(group);
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return true;
    if (code === "EBUSY") return false;
    throw error;
  }
}

function nodeAt(pid: number, tools: NodeTools): LabNode {
  const programs = [tools.kubernetes, `${tools.packages}/usr/bin`, `${tools.packages}/usr/sbin`];
  const env = {
    PATH: [...programs, "/usr/sbin", "/usr/bin", "/sbin", "/bin"].join(":"),
    LC_ALL: "C.UTF-8",
    HOME: "/run",
    KUBECONFIG: "/etc/kubernetes/admin.conf",
    KUBECACHEDIR: "/run/kube-cache",
  };
  const logFile = (name: string) => path.join(STATE_DIR, "log", `${name}.log`);
  return {
    pid,
    async run(name, argv, signal) {
      const inside = ["--target", `${pid}`, "--all", "--wd=/", "--", ...argv];
      try {
        const options = { env, maxBuffer: 2 ** 24, ...(signal ? { signal } : {}) };
        const { stdout, stderr } = await execFile("nsenter", inside, options);
        fs.appendFileSync(logFile(name), `${argv.join(" ")}\n${stdout}${stderr}`);
        return stdout;
      } catch (error) {
        signal?.throwIfAborted();
        const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
        throw new Error(`${argv.slice(0, 3).join(" ")} failed: ${said.slice(-800)}`, {
          cause: error,
        });
      }
    },
    startOutside(name, argv) {
      const log = fs.openSync(logFile(name), "a");
      // With a fork, so that its parent is the node's first process, and no process of this computer.
      const inside = ["--target", `${pid}`, "--mount", "--pid", "--cgroup", "--wd=/", "--"];
      spawn("nsenter", [...inside, "setsid", "--fork", ...argv], {
        env,
        stdio: ["ignore", log, log],
        detached: true,
      }).unref();
      fs.closeSync(log);
    },
  };
}
