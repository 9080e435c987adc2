/** Folders for one test that are gone after it, also when it failed. */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** An empty folder outside of the project, removed when the running test has finished. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "etcd-restore-test-")));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
