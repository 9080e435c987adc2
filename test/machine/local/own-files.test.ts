/** Folders of ours and of others, as they are found: also when whoever made them was killed in the middle. */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { claimDirectory, isClaimed, OWN_MARKER, removeOwn } from "../../../machine/local/own-files";
import { temporaryDirectory } from "../../support/temporary";

const half = (name: string) => `${name}.${randomUUID()}.new`;

async function folderWith(...names: readonly string[]): Promise<string> {
  const folder = path.join(await temporaryDirectory(), "folder");
  fs.mkdirSync(folder);
  for (const name of names) fs.writeFileSync(path.join(folder, name), "");
  return folder;
}

describe("a folder whose marker was half written", () => {
  it("is ours: it is claimed again, and taken away with nothing left", async () => {
    const folder = await folderWith(half(OWN_MARKER));
    expect(await isClaimed(folder)).toBe(true);
    await claimDirectory(folder);
    expect(fs.readdirSync(folder)).toContain(OWN_MARKER);
    expect(await removeOwn(folder, () => false)).toEqual([]);
    expect(fs.existsSync(folder)).toBe(false);
  });

  it("is taken away as it is", async () => {
    const folder = await folderWith(half(OWN_MARKER), half(OWN_MARKER));
    expect(await removeOwn(folder, () => false)).toEqual([]);
    expect(fs.existsSync(folder)).toBe(false);
  });

  it("is not ours when something else lies in it", async () => {
    for (const other of ["notes.txt", half("notes.txt"), `${OWN_MARKER}.new`]) {
      const folder = await folderWith(half(OWN_MARKER), other);
      await expect(claimDirectory(folder)).rejects.toThrow("was not made by etcd-restore");
      await expect(isClaimed(folder)).rejects.toThrow("nothing was touched");
      expect(fs.readdirSync(folder)).toContain(other);
    }
  });
});

it("what was half written in a folder of ours goes with it, and what others wrote there stays", async () => {
  const folder = await folderWith(OWN_MARKER, "etcd.env", half("etcd.env"), half("notes.txt"));
  const left = await removeOwn(folder, (name) => name === "etcd.env");
  expect(left).toEqual([expect.stringMatching(/^notes\.txt\./)]);
  expect(fs.readdirSync(folder).sort()).toEqual([OWN_MARKER, ...left]);
});
