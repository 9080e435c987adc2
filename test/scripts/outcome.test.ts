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

test("a program that refused is wrong use, unless the computer is not ready; words do not count", () => {
  expect(codeFor({ kind: "settings", message: "not ready: is the name of the file" })).toBe(2);
  expect(codeFor({ kind: "not ready", message: "port 22379 is taken" })).toBe(3);
  expect(codeFor({ message: "TypeError: nobody foresaw it" })).toBe(3);
});

test.each([1, 2, 3])("a script of ours that ended with %i says what it was", (status) => {
  expect(codeFor({ urn, message: "why", exitStatus: status })).toBe(status);
});

test("any other end of a command is the environment's fault", () => {
  expect(codeFor({ urn, message: "exit status 1, says the message", exitStatus: 127 })).toBe(3);
  expect(codeFor({ urn, message: "signal SIGKILL" })).toBe(3);
});

test("the first failure decides: those after it may only follow from it", () => {
  const failed = (exitStatus: number): Failure => ({ urn, message: "why", exitStatus });
  expect(codeFor(failed(1), failed(3))).toBe(1);
});

test("an error about the backup is wrong use, one that nobody foresaw is the environment's", () => {
  expect(exitCodeOfError(new SnapshotError("a.db", "it is empty"))).toBe(2);
  expect(exitCodeOfError(new UserError(1, "no"))).toBe(1);
  expect(exitCodeOfError(new Error("disk on fire"))).toBe(3);
});
