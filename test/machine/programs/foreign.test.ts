/** etcd for another platform than this computer's: taken from the cache, and never a release that is not the pinned one. */
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ensureForeignEtcd } from "../../../machine/programs/foreign";
import { temporaryDirectory } from "../../support/temporary";

const ON = "linux-arm64";

async function options() {
  const toolsDir = await temporaryDirectory();
  const said: string[] = [];
  const log = (line: string): void => {
    said.push(line);
  };
  return { toolsDir, log, signal: new AbortController().signal, said };
}

test("the newest of the cache is taken, of that platform and that minor version", async () => {
  const asked = await options();
  for (const name of [`3.6.9-${ON}`, `3.6.14-${ON}`, "3.6.16-linux-amd64", `3.7.3-${ON}`])
    mkdirSync(join(asked.toolsDir, `etcd-${name}`));
  expect(await ensureForeignEtcd("3.6", ON, asked)).toEqual({
    version: "3.6.14",
    directory: join(asked.toolsDir, `etcd-3.6.14-${ON}`),
  });
});

test("a mirror's release of that platform is asked for; one that is not the pinned one is refused, and nothing is kept", async () => {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    response.end("not a release");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  vi.stubEnv("ETCD_RESTORE_MIRROR", `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const asked = await options();
  await expect(ensureForeignEtcd("3.6", ON, asked)).rejects.toThrow(
    /is not the release that is pinned here: sha256 expected/,
  );
  expect(paths).toEqual([
    expect.stringMatching(/^\/v3\.6\.\d+\/etcd-v3\.6\.\d+-linux-arm64\.tar\.gz$/),
  ]);
  expect(readdirSync(asked.toolsDir)).toEqual([]);
});

test("without a release it is built for that platform", async () => {
  const asked = await options();
  const bin = await temporaryDirectory();
  const environment = join(asked.toolsDir, "environment");
  // Stands in for Go: notes for what it was told to build, and makes the three programs.
  const go = `#!/bin/sh
[ "$1" = env ] && { echo go1.26.0; exit; }
echo "$GOOS $GOARCH $CGO_ENABLED" >"${environment}"
while [ "$1" != -o ]; do shift; done
for name in server etcdctl etcdutl; do echo program >"$2$name"; done
`;
  writeFileSync(join(bin, "go"), go);
  chmodSync(join(bin, "go"), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env.PATH ?? ""}`);
  vi.stubEnv("ETCD_RESTORE_MIRROR", "http://127.0.0.1:9");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { version, directory } = await ensureForeignEtcd("3.7", ON, asked);
  expect(directory).toBe(join(asked.toolsDir, `etcd-${version}-${ON}`));
  expect(readdirSync(directory).sort()).toEqual(["etcd", "etcdctl", "etcdutl"]);
  expect(readFileSync(environment, "utf8")).toBe("linux arm64 0\n");
});
