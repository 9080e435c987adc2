/** The files of a member as they come from another machine: sent by the real script, and refused where they are not whole. */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  BrokenStream,
  receiveMember,
  sendMemberScript,
} from "../../../../etcd/backup/v2/member-stream";
import { localSource } from "../../../../etcd/backup/v2/v2-source";
import { readMember } from "../../../../etcd/backup/v2/v2-backup";
import { createWorkspace, type Workspace } from "../../../support/kubernetes-fixtures";

const FIXTURE = path.join(__dirname, "../../../fixtures/v2-backup");
let workspace: Workspace;
beforeEach(() => {
  workspace = createWorkspace();
});
afterEach(() => {
  workspace.remove();
});

const send = (directory: string, database: "yes" | "no") =>
  execFileSync("sh", ["-s", "--", directory, database], {
    input: sendMemberScript(),
    maxBuffer: 1e9,
  });

function receive(bytes: Buffer, wantsDatabase = true) {
  const folder = fs.mkdtempSync(workspace.path("received-"));
  const member = { name: "host:/var/lib/etcd", place: { host: "host" }, takeV3By: "backup" };
  // In small pieces, as a network brings them.
  const parts = Array.from({ length: Math.ceil(bytes.length / 700) }, (_, i) =>
    bytes.subarray(700 * i, 700 * (i + 1)),
  );
  return receiveMember(Readable.from(parts), folder, { ...member, wantsDatabase });
}

it("holds what the directory holds, under the names that it has there", async () => {
  const source = await receive(send(FIXTURE, "yes"));
  expect(source).toMatchObject({ isRunning: false, hasDatabase: true, place: { host: "host" } });
  const names = source.files.logs.map(({ name }) => name);
  expect(names).toEqual(["host:/var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal"]);
  const here = localSource(FIXTURE);
  expect(readMember(source.files).store).toEqual(readMember(here.files).store);
  expect(fs.readFileSync(source.database ?? "")).toEqual(fs.readFileSync(here.database ?? ""));
});

it("leaves the database where it is when nobody wants it, or an etcd has it open", async () => {
  expect((await receive(send(FIXTURE, "no"), false)).database).toBeUndefined();
  const copy = workspace.path("copy");
  fs.cpSync(FIXTURE, copy, { recursive: true });
  const file = path.join(copy, "member/snap/db");
  const script = `exec 9<>"${file}"; flock -n -x 9 && sh -s -- "$1" yes`;
  const sent = spawnSync("bash", ["-c", script, "bash", copy], { input: sendMemberScript() });
  const source = await receive(sent.stdout);
  expect(source).toMatchObject({ isRunning: true, hasDatabase: true, database: undefined });
});

it.each([
  ["no directory", () => workspace.path("none"), /there is no directory .*none/],
  ["no data directory", () => workspace.path("."), /is no data directory of etcd: no member\/wal/],
])("says so where there is %s, and sends nothing", (_, directory, words) => {
  const input = sendMemberScript();
  const ended = spawnSync("sh", ["-s", "--", directory(), "yes"], { input, encoding: "utf8" });
  expect([ended.status, ended.stdout]).toEqual([2, ""]);
  expect(ended.stderr).toMatch(words);
});

it("is refused wherever it was cut", async () => {
  const whole = send(FIXTURE, "yes");
  for (let i = 0; i < 20; i++) {
    const cut = whole.subarray(0, Math.floor((i * whole.length) / 20));
    await expect(receive(cut), `${cut.length} bytes`).rejects.toThrow(BrokenStream);
  }
});

describe("what nobody of ours has sent", () => {
  const sent = (text: string) => receive(gzipSync(`etcd stopped\ndatabase yes\n${text}`));

  it.each([
    ["a file of another folder", "file ../../evil 4\nevilend stopped\n"],
    ["a file of an absolute path", "file /tmp/evil 4\nevilend stopped\n"],
    ["a file that is none of etcd's", "file snap/evil 4\nevilend stopped\n"],
    ["a length that is none", "file snap/db -4\nevilend stopped\n"],
    ["another word", "exec rm\n"],
    ["a line without an end", "x".repeat(5000)],
    ["more than its end", "end stopped\nand more\n"],
  ])("is refused: %s", async (_, text) => {
    await expect(sent(text)).rejects.toThrow(BrokenStream);
    expect(fs.readdirSync(workspace.path("."), { recursive: true })).not.toContain("evil");
  });

  it("is refused: bytes that are no gzip, and a checksum of gzip that is another one", async () => {
    await expect(receive(Buffer.from("Last login: Mon Nov 30\n"))).rejects.toThrow(BrokenStream);
    const wrong = send(FIXTURE, "yes");
    wrong.writeUInt8((wrong.at(-6) ?? 0) ^ 1, wrong.length - 6);
    await expect(receive(wrong)).rejects.toThrow(BrokenStream);
  });

  it("is refused: an etcd that was started meanwhile, or a database that did not come", async () => {
    await expect(sent("end runs\n")).rejects.toThrow(/an etcd was started on host/);
    await expect(sent("end stopped\n")).rejects.toThrow(/the database of host.* did not come/);
  });
});
