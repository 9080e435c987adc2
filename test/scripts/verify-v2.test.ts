/** `verify` of a v2 store: its backup is found wherever it lies, as that of a v3 store is. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Report } from "../../etcd/report/report";
import type { EtcdServer } from "../support/etcd-server";
import { createWorkspace } from "../support/kubernetes-fixtures";
import { beginCommand, type Ended } from "../support/lab";
import { startV2Server, v2Requests } from "../support/v2-store";

const files = createWorkspace();
let etcd: EtcdServer;
let taken: string;

beforeAll(async () => {
  const source = files.path("source");
  etcd = await startV2Server(source, 100);
  const store = v2Requests(etcd.url);
  for (const name of ["one", "two", "_three"]) await store.put(`/folder/${name}`, name);
  store.close();
  taken = files.path("etcd.tar");
  const ended = await run("backup", "--v2", "--data-dir", source, "--without-v3", "-o", taken);
  expect(ended.code, ended.stderr).toBe(0);
});
afterAll(async () => {
  await etcd.stop();
  files.remove();
});

const run = (...words: readonly string[]): Promise<Ended> => beginCommand(words).ended;

async function proved(backup: string): Promise<Report> {
  const ended = await run("verify", backup, "--endpoint", etcd.url, "--json");
  expect(ended.code, ended.stderr).toBe(0);
  const report = JSON.parse(ended.stdout) as Report;
  expect(report).toMatchObject({
    ...{ verdict: "pass", snapshot: { file: backup } },
    v2: { keys: 3, hidden: 1, same: { keys: 3, folders: 1 } },
  });
  return report;
}

const manifestOf = ({ checks }: Report) => checks.find(({ id }) => id === "manifest")?.verdict;

it("takes the archive by its name", async () => {
  expect(manifestOf(await proved(taken))).toBe("pass");
});

it("finds the manifest of one that was packed since", async () => {
  const folder = fs.mkdtempSync(files.path("packed-"));
  fs.copyFileSync(`${taken}.json`, path.join(folder, "etcd.tar.json"));
  fs.copyFileSync(taken, path.join(folder, "etcd.tar"));
  execFileSync("gzip", [path.join(folder, "etcd.tar")]);
  expect(manifestOf(await proved(path.join(folder, "etcd.tar.gz")))).toBe("pass");
});

it("takes a folder with nothing else in it", async () => {
  const folder = fs.mkdtempSync(files.path("alone-"));
  fs.copyFileSync(taken, path.join(folder, "etcd.tar"));
  fs.copyFileSync(`${taken}.json`, path.join(folder, "etcd.tar.json"));
  expect(manifestOf(await proved(folder))).toBe("pass");
});

it("fetches one from an address", async () => {
  const server = serve(path.dirname(taken));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  try {
    await proved(`http://127.0.0.1:${port}/${path.basename(taken)}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

/** Files of a folder, from a byte on, as any web server has them. */
function serve(folder: string): Server {
  return createServer(({ url = "", headers }, response) => {
    const file = path.join(folder, path.basename(url));
    if (!fs.existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    const bytes = fs.readFileSync(file);
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
    const part = bytes.subarray(Number(from), to === "" ? undefined : Number(to) + 1);
    const end = Number(from) + part.length - 1;
    response.writeHead(206, { "content-range": `bytes ${from}-${end}/${bytes.length}` }).end(part);
  });
}
