/** Which backup of a folder is taken, trap by trap. */
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import { openFolder } from "../../sources/folder";
import { listBackups } from "../../sources/listing";
import { readRange } from "../../sources/store";
import { temporaryDirectory } from "../support/temporary";
import { expectChoice } from "./expect-choice";
import { DB, TRAPS, type Put } from "./traps";

const NOW = new Date("2026-11-23T12:00:00Z");

async function folderOf(objects: readonly Put[]): Promise<string> {
  const folder = await temporaryDirectory();
  for (const { path: name, bytes, age = 86_400 } of objects) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
    const at = new Date(NOW.getTime() - age * 1000);
    fs.utimesSync(file, at, at);
  }
  return folder;
}

describe("the backup that is taken of a folder", () => {
  test.each(TRAPS)("$title", async (trap) => {
    const store = openFolder(await folderOf(trap.objects));
    await expectChoice(store, trap, NOW);
  });

  test("a link to the newest is the file itself, once", async () => {
    const folder = await folderOf([{ path: "etcd-2026-11-22.db", bytes: DB }]);
    fs.symlinkSync("etcd-2026-11-22.db", path.join(folder, "latest.db"));
    const { backups } = await listBackups(openFolder(folder));
    expect(backups.map((backup) => backup.path)).toEqual(["etcd-2026-11-22.db"]);
  });

  test("a link that leads nowhere, or to itself, is no backup and no error", async () => {
    const folder = await folderOf([{ path: "etcd-2026-11-22.db", bytes: DB }]);
    fs.symlinkSync("gone.db", path.join(folder, "etcd-2026-11-23.db"));
    fs.symlinkSync("round.db", path.join(folder, "round.db"));
    const { backups } = await listBackups(openFolder(folder));
    expect(backups.map((backup) => backup.path)).toEqual(["etcd-2026-11-22.db"]);
  });

  test("a link that leads back to its own folder ends", async () => {
    const folder = await folderOf([{ path: "a/etcd-2026-11-22.db", bytes: DB }]);
    fs.symlinkSync("..", path.join(folder, "a", "back"));
    const { backups } = await listBackups(openFolder(folder));
    expect(backups).toHaveLength(1);
  });

  test("a file that is named is taken, whatever it is called", async () => {
    const folder = await folderOf([{ path: "a/_etcd_backup.meta", bytes: DB }]);
    const { backups } = await listBackups(openFolder(path.join(folder, "a/_etcd_backup.meta")));
    expect(backups).toMatchObject([{ path: "_etcd_backup.meta", bytes: DB.length }]);
  });

  test("a file that changed since it was listed is refused", async () => {
    const folder = await folderOf([{ path: "etcd.db", bytes: DB }]);
    const store = openFolder(folder);
    const { backups } = await listBackups(store);
    fs.appendFileSync(path.join(folder, "etcd.db"), "x");
    const [backup] = backups;
    const { path: name = "", object } = backup ?? {};
    await expect(
      readRange(store, name, { from: 0, to: 10 }, { etag: object?.etag }),
    ).rejects.toThrow(/changed since it was listed/);
  });

  test("a folder that is not there is said to be so", () => {
    expect(() => openFolder("/not/there")).toThrow("/not/there: there is no such file");
  });
});
