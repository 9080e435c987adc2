import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { takeLock } from "../../../engine/embedded/lock";
import { identityOf } from "../../../engine/embedded/processes";
import { temporaryDirectory } from "../../support/temporary";

async function lockFile(): Promise<string> {
  return path.join(await temporaryDirectory(), "stack.lock");
}

it("is held by one at a time, and free again when it is released", async () => {
  const file = await lockFile();
  const lock = await takeLock(file, "up");
  await expect(takeLock(file, "destroy")).rejects.toThrow(
    new RegExp(`process ${process.pid} has been at "up" since .*the lock is ${file}`),
  );
  lock.release();
  (await takeLock(file, "destroy")).release();
  expect(fs.readdirSync(path.dirname(file))).toEqual([]);
});

it("of two that ask at once one gets it", async () => {
  const file = await lockFile();
  const asked = await Promise.allSettled([
    takeLock(file, "up"),
    takeLock(file, "up"),
    takeLock(file, "up"),
  ]);
  expect(asked.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
});

it.each([
  [
    "of a process that is gone",
    { pid: 2 ** 22 - 1, startTime: "1", operation: "up", since: "x", groups: [] },
  ],
  [
    "of another process with the same number",
    { pid: process.pid, startTime: "1", operation: "up", since: "x", groups: [] },
  ],
  ["that cannot be read", "half wri"],
])("%s does not hold anybody up", async (_what, content) => {
  const file = await lockFile();
  fs.writeFileSync(file, JSON.stringify(content));
  const lock = await takeLock(file, "up");
  lock.release();
  expect(fs.readdirSync(path.dirname(file))).toEqual([]);
});

it("ends what its dead holder left running, and nobody else who has got that number since", async () => {
  const file = await lockFile();
  const start = () => {
    const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };
  const [left, other] = [start(), start()];
  await Promise.all([once(left, "spawn"), once(other, "spawn")]);
  const holder = { pid: 2 ** 22 - 1, startTime: "1", operation: "up", since: "x" };
  const groups = [identityOf(left.pid ?? 0), { pid: other.pid, startTime: "1" }];
  fs.writeFileSync(file, JSON.stringify({ ...holder, groups }));
  const ended = once(left, "exit");

  (await takeLock(file, "up")).release();

  expect(await ended).toEqual([null, "SIGTERM"]);
  expect(identityOf(other.pid ?? 0)).toBeDefined();
});
