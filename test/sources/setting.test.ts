/** The setting `snapshot` as a SOURCE: fetched into the lab's folder, and no password of it told or kept. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as http from "node:http";
import * as path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { BackupError, readBackup } from "../../components/backup";
import { NotReadyError } from "../../components/not-ready";
import { temporaryDirectory } from "../support/temporary";
import { DB } from "./traps";

const CLI = path.join(__dirname, "..", "..", "scripts", "etcd-restore.cjs");

/** A server with one backup, whose tag can be changed; counts what is fetched whole. */
async function serve() {
  const state = { etag: '"one"', whole: 0, status: 206 };
  const server = http.createServer((request, response) => {
    const isWhole = request.headers.range === "bytes=0-";
    if (isWhole) state.whole += 1;
    const [first, last] = isWhole ? [0, DB.length - 1] : [0, 0];
    const range = `bytes ${first}-${last}/${DB.length}`;
    response.writeHead(state.status, { etag: state.etag, "content-range": range });
    response.end(state.status === 206 ? DB.subarray(first, last + 1) : "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { state, url: `http://127.0.0.1:${port}/etcd-2026-11-22.db?signature=5up3r` };
}

test("what it names is fetched into the lab's folder, and again when the store has another one", async () => {
  const { state, url } = await serve();
  const lab = await temporaryDirectory();
  const first = await readBackup(url, "auto", lab);
  expect(path.relative(lab, first.plainFile)).toMatch(
    /^fetched\/[0-9a-f]{32}\/etcd-2026-11-22\.db$/,
  );
  expect(fs.readFileSync(first.plainFile).equals(DB)).toBe(true);
  expect(fs.statSync(first.plainFile).mode & 0o777).toBe(0o600);
  expect((await readBackup(url, "auto", lab)).plainFile).toBe(first.plainFile);
  // A link that was signed anew is the same object.
  const anew = await readBackup(url.replace("5up3r", "an0th3r"), "auto", lab);
  expect(anew.plainFile).toBe(first.plainFile);
  expect(state.whole).toBe(1);
  state.etag = '"two"';
  expect((await readBackup(url, "auto", lab)).plainFile).not.toBe(first.plainFile);
  expect(state.whole).toBe(2);
  expect(fs.existsSync(first.plainFile)).toBe(false);
  expect(
    fs.readFileSync(
      path.join(
        path.dirname(anew.plainFile),
        "..",
        fs.readdirSync(path.join(lab, "fetched"))[0] ?? "",
        "fetched.json",
      ),
      "utf8",
    ),
  ).not.toContain("5up3r");
});

test("a store that refuses is a wrong setting, one that does not answer is not", async () => {
  const { state, url } = await serve();
  const lab = await temporaryDirectory();
  state.status = 403;
  await expect(readBackup(url, "auto", lab)).rejects.toThrow(BackupError);
  const nobody = readBackup("http://127.0.0.1:9/etcd.db", "auto", lab);
  await expect(nobody).rejects.toThrow(NotReadyError);
});

test("a password in it is refused, and stands in no message and no report", async () => {
  const lab = await temporaryDirectory();
  const snapshot = "snapshot=https://ops:hunter2@example.org/etcd.db?signature=5up3r";
  const args = ["start", "-c", snapshot, "-c", `labDirectory=${lab}`, "--engine", "embedded"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args]);
  expect(status).toBe(2);
  const reports = fs
    .readdirSync(lab)
    .filter((name) => name.startsWith("report."))
    .map((name) => fs.readFileSync(path.join(lab, name), "utf8"));
  expect(reports.length).toBeGreaterThan(3);
  for (const text of [`${stdout.toString()}${stderr.toString()}`, ...reports]) {
    expect(text).not.toMatch(/hunter2|5up3r/);
    expect(text).toMatch(/^# HELP|example\.org\/etcd\.db/);
  }
});
