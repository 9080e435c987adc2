import { expect, test } from "vitest";
import type { Failure } from "../../engine/engine";
import { SnapshotError } from "../../etcd/snapshot/snapshot-error";
import { exitCodeOfError } from "../../scripts/errors";
import { exitCodeOf, UserError } from "../../scripts/outcome";

function codeFor(...failures: readonly Failure[]): number {
  return exitCodeOf({ ok: failures.length === 0, changes: {}, failures, seconds: 0 });
}

const urn = "urn:pulumi:local::etcd-restore::command:local:Command::restore-snapshot";

test("a run without a failure is good", () => {
  expect(codeFor()).toBe(0);
});

test("a program that refused is wrong use, unless it says that the computer is not ready", () => {
  expect(codeFor({ message: "cannot restore a.db: it is empty" })).toBe(2);
  expect(codeFor({ message: "not ready: port 22379 is taken" })).toBe(3);
});

test.each([1, 2, 3])("a script of ours that ended with %i says what it was", (status) => {
  expect(codeFor({ urn, message: `exit status ${status}: running "verify"` })).toBe(status);
  const overSsh = `Process exited with status ${status}: running "restore"`;
  expect(codeFor({ urn, message: overSsh })).toBe(status);
});

test("any other end of a command is the environment's fault", () => {
  for (const message of ["exit status 127: running x", "signal SIGKILL", "exit status 0"]) {
    expect(codeFor({ urn, message }), message).toBe(3);
  }
});

test("the first failure decides: those after it may only follow from it", () => {
  expect(codeFor({ urn, message: "exit status 1" }, { urn, message: "exit status 3" })).toBe(1);
});

test("an error about the backup is wrong use, one that nobody foresaw is the environment's", () => {
  expect(exitCodeOfError(new SnapshotError("a.db", "it is empty"))).toBe(2);
  expect(exitCodeOfError(new UserError(1, "no"))).toBe(1);
  expect(exitCodeOfError(new Error("disk on fire"))).toBe(3);
});
