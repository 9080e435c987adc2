/** Programs of this folder in stacks of their own. */
import * as fs from "node:fs";
import * as path from "node:path";
import { chooseEngine, type EngineName } from "../../engine/choose";
import type { Engine, EngineOptions } from "../../engine/engine";
import { temporaryDirectory } from "../support/temporary";

export const PROGRAMS = path.join(__dirname, "programs");

export interface TestStack {
  readonly options: EngineOptions;
  readonly workDir: string;
  /** File in which the program's commands note what they do. */
  readonly log: string;
  /** An engine with further settings. */
  engine(config?: Readonly<Record<string, string>>, more?: Partial<EngineOptions>): Engine;
  /** What was noted since this was last called. */
  noted(): readonly string[];
}

/** A stack of a program; gone with the test. */
export async function testStack(
  program: string,
  name: EngineName = "embedded",
): Promise<TestStack> {
  const directory = await temporaryDirectory();
  const log = path.join(directory, "log");
  const options: EngineOptions = {
    projectDir: path.join(PROGRAMS, program),
    stack: "test",
    workDir: path.join(directory, "work"),
    progress: "none",
  };
  return {
    options,
    workDir: options.workDir,
    log,
    engine: (config = {}, more = {}) =>
      chooseEngine(name, { ...options, ...more, config: { log, ...config } }),
    noted() {
      const lines = fs.existsSync(log) ? fs.readFileSync(log, "utf8").trim().split("\n") : [];
      fs.rmSync(log, { force: true });
      return lines;
    },
  };
}

/** Folders with sockets of engines that are left in a folder for temporary files. */
export function socketFolders(directory: string): readonly string[] {
  return fs.readdirSync(directory).filter((name) => name.startsWith("engine-"));
}

/** Collects what is written to stderr while `work` runs. */
export async function stderrOf(work: () => Promise<unknown>): Promise<string> {
  const written: string[] = [];
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (text: string | Uint8Array): boolean => {
    written.push(String(text));
    return true;
  };
  try {
    await work();
  } finally {
    process.stderr.write = write;
  }
  return written.join("");
}

/** Waits until `condition` holds; fails after 90 seconds with what it was waiting for. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited 90 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
