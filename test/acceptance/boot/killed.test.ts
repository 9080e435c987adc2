/** Whatever kills a boot, and whenever: no process and no folder of the clone is left. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { removeLeftovers } from "../../../boot/leftovers";
import { createWorkspace, snapshotBytes, type Workspace } from "../../support/kubernetes-fixtures";
import { temporaryDirectory } from "../../support/temporary";
import { needsApiServer } from "./booted";

needsApiServer("1.35");
let workspace: Workspace;
let main: string;
const PROGRAM = join(__dirname, "../../../scripts/etcd-restore.cjs");

beforeAll(() => {
  workspace = createWorkspace();
  main = workspace.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
});
afterAll(() => {
  workspace.remove();
});

/** The clones in a folder for work. */
function clonesIn(work: string): readonly string[] {
  const base = join(work, "etcd-restore-clones");
  const names = existsSync(base) ? readdirSync(base) : [];
  return names.filter((name) => name.startsWith("clone-")).map((name) => join(base, name));
}

/** Starts a boot and resolves when it says a line that begins like that. */
async function bootingUntil(base: string, line: string, env = process.env): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, "boot", main, "--work-dir", base], {
    stdio: ["ignore", "ignore", "pipe"],
    env,
  });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (`\n${said}`.includes(`\n${line}`)) resolve();
    });
    child.once("close", () => {
      reject(new Error(`ended before it said "${line}": ${said}`));
    });
  });
  return child;
}

/** Processes whose command line names a folder. */
function processesOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function nothingLeft(base: string): Promise<void> {
  await expect
    .poll(
      () => [readdirSync(base).filter((name) => name.startsWith("clone-")), processesOf(base)],
      {
        timeout: 60_000,
      },
    )
    .toEqual([[], []]);
}

const PHASES = [
  "restoring a clone",
  "starting kube-apiserver",
  "listing ",
  "leading the clone through a life",
];

describe("a boot that is killed", () => {
  it.each(PHASES)("by SIGKILL, after it said “%s”: the clone ends with it", async (line) => {
    const base = await temporaryDirectory();
    const child = await bootingUntil(base, line);
    expect(clonesIn(base)).toHaveLength(1);
    child.kill("SIGKILL");
    await once(child, "close");
    await nothingLeft(base);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "by %s: it cleans up and says so by its exit code",
    async (signal) => {
      const base = await temporaryDirectory();
      const child = await bootingUntil(base, "starting kube-apiserver");
      await delay(2000);
      child.kill(signal);
      const [code] = (await once(child, "close")) as [number | null];
      expect(code).toBe(signal === "SIGINT" ? 130 : 143);
      await nothingLeft(base);
    },
  );

  it("together with its keeper: the next run finds the folder and removes it", async () => {
    const base = await temporaryDirectory();
    const child = await bootingUntil(base, "leading the clone through a life");
    // The first to go is the keeper, which then cannot clean up; its programs go with it or are ended by the next run.
    const all = processesOf(base).filter((pid) => pid !== child.pid);
    child.kill("SIGSTOP");
    for (const pid of all) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Ended with another one.
      }
    }
    child.kill("SIGKILL");
    await once(child, "close");
    const left = clonesIn(base);
    expect(left).toHaveLength(1);
    expect(await removeLeftovers(join(base, "etcd-restore-clones"))).toEqual(left);
    await nothingLeft(base);
  });

  it("together with its keeper, where there are no namespaces: the next run ends what still runs of it", async () => {
    const base = await temporaryDirectory();
    const env = { ...process.env, PATH: "/nonexistent" };
    const child = await bootingUntil(base, "leading the clone through a life", env);
    await delay(1000);
    const keepers = processesOf(base).filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("keeper.cjs"),
    );
    child.kill("SIGSTOP");
    for (const pid of keepers) process.kill(pid, "SIGKILL");
    child.kill("SIGKILL");
    await once(child, "close");
    await expect.poll(() => processesOf(base).length, { timeout: 10_000 }).toBeGreaterThan(0);
    await removeLeftovers(join(base, "etcd-restore-clones"));
    await nothingLeft(base);
  });
});
