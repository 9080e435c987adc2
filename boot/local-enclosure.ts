/**
 * A place for a clone: a private folder, programs that end with this process, and no network but a loopback of its own
 * where the system allows that.
 */
import { execFile, spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { which } from "../machine/programs/probe";
import type { Enclosure, Isolation } from "./enclosure";
import { listOf, makeFolder, removeFolder } from "./leftovers";
import { orderly, programsOf } from "./orders";

const KEEPER = path.join(__dirname, "keeper.cjs");
/** `ip` brings the loopback up; without it nothing could listen. */
const ENTER = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
const PROBE_LIMIT_MS = 10_000;

/** The command that runs another one cut off from every network, or why there is none. */
async function findNamespace(): Promise<{ readonly argv: readonly string[] } | { reason: string }> {
  const unshare = await which("unshare", process.env.PATH);
  if (unshare === undefined) return { reason: "there is no program `unshare` on PATH" };
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  // With the first process of a process namespace the kernel ends all others.
  const argv = [unshare, ...user, "--net", "--pid", "--fork", "--kill-child", ...ENTER];
  return new Promise((resolve) => {
    execFile(unshare, [...argv.slice(1), "true"], { timeout: PROBE_LIMIT_MS }, (error, _, said) => {
      const why = said.trim().split("\n")[0] ?? "";
      resolve(error === null ? { argv } : { reason: why === "" ? error.message : why });
    });
  });
}

/**
 * Makes the place.
 * @param base folder for the clones of this user; what a killed run left there is removed first
 * @throws MachineError when it cannot be made
 */
export async function openEnclosure(base: string, signal: AbortSignal): Promise<Enclosure> {
  signal.throwIfAborted();
  const found = await findNamespace();
  const isolation: Isolation =
    "argv" in found ? { network: "namespace" } : { network: "loopback", reason: found.reason };
  const folder = await makeFolder(base);
  const list = "argv" in found ? [] : [listOf(folder)];
  const [program = "", ...args] = [
    ...("argv" in found ? found.argv : []),
    ...[process.execPath, KEEPER, folder, ...list],
  ];
  // A session of its own: a Ctrl-C at the terminal is for us, who end it in order.
  const keeper = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  const orders = orderly(keeper);
  const remove = async () => {
    await orders.finish();
    await removeFolder(base, folder);
  };
  try {
    await orders.ready;
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    ...{ folder, near: folder, isolation, ...filesOf(folder) },
    ...programsOf(orders, { folder, near: (socket) => Promise.resolve(socket), tail }, signal),
    close: remove,
  };
}

async function tail(file: string, lines: number): Promise<readonly string[]> {
  const text = await fs.readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-lines);
}

/** Of a clone on this computer. */
function filesOf(folder: string): Pick<Enclosure, "makeFolder" | "write" | "bring" | "release"> {
  const copies = new Set<string>();
  return {
    async makeFolder(name) {
      await fs.mkdir(path.join(folder, name), { mode: 0o700 });
      return path.join(folder, name);
    },
    write: (file, text) => fs.writeFile(file, text, { mode: 0o600 }),
    async bring(file) {
      // One that only this process can open (an unpacked one without a name) is copied for the programs.
      if (!file.startsWith("/proc/")) return file;
      const copy = path.join(folder, `brought-${copies.size + 1}`);
      await fs.copyFile(file, copy);
      copies.add(copy);
      return copy;
    },
    async release(brought) {
      if (copies.has(brought)) await fs.rm(brought, { force: true });
    },
  };
}
