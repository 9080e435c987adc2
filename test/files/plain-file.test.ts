/** What a user names as a file is looked at before it is read: nothing hangs, and each is told for what it is. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

import { findManifest, ManifestError } from "../../etcd/backup/manifest";
import { openSource } from "../../etcd/snapshot/file";
import { NotPlainFileError, openPlainFile, readPlainText } from "../../files/plain-file";
import { temporaryDirectory } from "../support/temporary";
import { TYPESCRIPT } from "../support/typescript";

function problem(path: string): string {
  try {
    fs.closeSync(openPlainFile(path).fd);
  } catch (error) {
    expect(error).toBeInstanceOf(NotPlainFileError);
    return (error as Error).message;
  }
  return "";
}

it("tells a pipe, a device, a directory, a loop and what is not there, at once", async () => {
  const folder = await temporaryDirectory();
  const path = (name: string) => join(folder, name);
  expect(spawnSync("mkfifo", [path("pipe")]).status).toBe(0);
  fs.symlinkSync("loop", path("loop"));
  fs.writeFileSync(path("file"), "text");
  expect(problem(path("pipe"))).toMatch(/not a plain file but a pipe.*save what comes out of it/);
  expect(problem("/dev/zero")).toBe("is not a plain file but a device");
  expect(problem(folder)).toBe("is a directory");
  expect(problem(path("loop"))).toBe("is a link that leads back to itself");
  expect(problem(path("absent"))).toBe("there is no such file");
  expect(problem(path("file/below"))).toMatch(/no such file: what stands before a slash/);
  expect(problem(path("n".repeat(300)))).toMatch(/longer than any file's/);
  expect(problem(path("a\0b"))).toBe("no file can have this name");
  expect(problem(path("file"))).toBe("");
  expect(readPlainText(path("file"))).toBe("text");
  expect(readPlainText("/proc/self/stat")).toMatch(/^\d+ /);
  expect(() => readPlainText("/proc/self/mem")).toThrow(NotPlainFileError);
  expect(() => openSource(path("pipe"))).toThrow(/pipe: is not a plain file but a pipe/);
  expect(spawnSync("mkfifo", [path("file.json")]).status).toBe(0);
  expect(() => findManifest(path("file"))).toThrow(ManifestError);
});

it("ends a command at once where a pipe is named for a backup or a key", async () => {
  const folder = await temporaryDirectory();
  const pipe = join(folder, "a=b 'c' \"d\" $e\n\\f");
  expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
  const main = join(__dirname, "../../scripts/etcd-restore.ts");
  const command = (...args: readonly string[]) =>
    spawnSync(process.execPath, ["--require", TYPESCRIPT, main, ...args], {
      encoding: "utf8",
      timeout: 50_000,
    });
  const inspected = command("inspect", pipe);
  expect(inspected.status).toBe(2);
  expect(inspected.stderr).toContain("$e\\n\\f: is not a plain file but a pipe");
  const tls = ["--cacert", pipe, "--cert", pipe, "--key", pipe];
  const listed = command("ls", "--endpoint", "https://127.0.0.1:1", ...tls);
  expect(listed.status).toBe(2);
  expect(listed.stderr).toContain("is not a plain file but a pipe");
});

it("a foreign FILE.json is left alone, a broken manifest of ours is refused by its kind", async () => {
  const folder = await temporaryDirectory();
  const backup = join(folder, "b.db");
  const write = (content: unknown) => {
    fs.writeFileSync(`${backup}.json`, JSON.stringify(content));
  };
  expect(findManifest(backup)).toBeUndefined();
  for (const foreign of [
    { hash: 1, revision: 2, totalKey: 3, totalSize: 4, version: "" },
    { name: "etcd-snapshot", nodeName: "n", createdAt: "2026-01-01T00:00:00Z" },
    [1, 2],
    "text",
    null,
  ]) {
    write(foreign);
    expect(findManifest(backup)).toEqual({ kind: "foreign", file: `${backup}.json` });
  }
  for (const broken of [
    { schemaVersion: 1, takenAt: "2026-01-01T00:00:00Z" },
    { schemaVersion: 2, source: {} },
  ]) {
    write(broken);
    expect(() => findManifest(backup)).toThrow(ManifestError);
  }
  fs.writeFileSync(`${backup}.json`, '{"schemaVersion": 1, "tak');
  expect(() => findManifest(backup)).toThrow(/it is no JSON, or cut off\. Fetch it again/);
});
