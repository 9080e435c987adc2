/** A real S3 server for tests: versitygw, built once of its published module, on loopback over a folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runGo } from "../../machine/programs/build";
import { toolsDirOf } from "../../machine/programs/find";
import { LIMITS } from "../../machine/programs/limits";
import { placeDirectory, withLock } from "../../machine/programs/place";
import { which } from "../../machine/programs/probe";
import { platform } from "../../machine/programs/version";
import { freePorts } from "./ports";

/** Pinned in versitygw/go.mod. */
const VERSION = "1.8.0";
/** A minute and a half on two idle cores. */
const BUILD_LIMIT = 1800;

/** What a client needs, as environment. */
export type S3Environment = Readonly<
  Record<"AWS_ENDPOINT_URL" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_REGION", string>
>;

export interface S3Server {
  readonly port: number;
  readonly environment: S3Environment;
  stop(): Promise<void>;
}

const NAME = `versitygw-${VERSION}-${platform()}`;

function programIn(toolsDir: string): string {
  return path.join(toolsDir, NAME, "versitygw");
}

/** Whether the program is there, or Go to build it. */
export function canHaveVersitygw(): boolean {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return (
    fs.existsSync(programIn(toolsDirOf({}))) ||
    folders.some((folder) => fs.existsSync(path.join(folder, "go")))
  );
}

/** The program; builds it when it is not there. */
export async function ensureVersitygw(): Promise<string> {
  const toolsDir = toolsDirOf({});
  const program = programIn(toolsDir);
  if (fs.existsSync(program)) return program;
  const go = await which("go", process.env.PATH);
  if (go === undefined) throw new Error("there is no `go` on PATH");
  const limits = { ...LIMITS, build: BUILD_LIMIT, lock: BUILD_LIMIT };
  const context = { limits, env: process.env, log: console.error, signal: undefined };
  await withLock(path.join(toolsDir, "versitygw.lock"), "versitygw", context, async () => {
    if (fs.existsSync(program)) return;
    await placeDirectory(toolsDir, "versitygw", async (partial) => {
      const options = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"];
      const args = [...options, "-v", "-o", `${partial}/`, "tool"];
      const title = `building versitygw ${VERSION}`;
      await runGo(go, args, { cwd: path.join(__dirname, "versitygw"), title, context });
      return NAME;
    });
  });
  return program;
}

/** @param folder where its buckets lie: a folder each */
export async function startVersitygw(program: string, folder: string): Promise<S3Server> {
  const [port = 0] = await freePorts(1);
  const keys = { ROOT_ACCESS_KEY: "test", ROOT_SECRET_KEY: "not-a-secret-of-anybody" };
  const child = spawn(program, ["--port", `127.0.0.1:${port}`, "--quiet", "posix", folder], {
    env: { PATH: process.env.PATH, HOME: folder, ...keys },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const ended = once(child, "exit");
  for (let tries = 0; !(await answers(port)); tries++) {
    if (child.exitCode !== null || tries > 300) throw new Error(`versitygw did not start: ${said}`);
    await delay(100);
  }
  return {
    port,
    environment: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: keys.ROOT_ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: keys.ROOT_SECRET_KEY,
      AWS_REGION: "us-east-1",
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}/`);
    return true;
  } catch {
    return false;
  }
}
