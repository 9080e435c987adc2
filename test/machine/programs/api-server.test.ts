import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  ApiServerError,
  ensureApiServer,
  findApiServer,
  type ApiServerOptions,
} from "../../../machine/programs/api-server";
import { pinnedModule } from "../../../machine/programs/build";
import { parseWanted, platform } from "../../../machine/programs/version";
import { temporaryDirectory } from "../../support/temporary";

/** A program that says of itself what kube-apiserver says, and nothing else. */
async function sayer(file: string, version: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho "Kubernetes v${version}"\n`, { mode: 0o755 });
  return file;
}

/** Options under which nothing of this computer is found; the test's own go over them. */
async function nothing(more: ApiServerOptions = {}): Promise<ApiServerOptions> {
  const empty = await temporaryDirectory();
  const toolsDir = join(await temporaryDirectory(), "tools");
  return { toolsDir, env: { PATH: empty }, mirror: "http://127.0.0.1:9", ...more };
}

async function failureOf(call: Promise<unknown>): Promise<ApiServerError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof ApiServerError)) throw new Error(`not refused: ${String(failure)}`);
  return failure;
}

/** Serves one archive as envtest packs them; gives its address and its sha512. */
async function archive(version: string) {
  const folder = await temporaryDirectory();
  const inside = join(folder, "controller-tools/envtest");
  await sayer(join(inside, "kube-apiserver"), version);
  await sayer(join(inside, "kubectl"), version);
  const tarball = join(folder, "archive.tar.gz");
  execFileSync("tar", ["-czf", tarball, "-C", folder, "controller-tools"]);
  const bytes = await readFile(tarball);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>(
        (resolve) =>
          void server.close(() => {
            resolve();
          }),
      ),
  );
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  const sha512 = createHash("sha512").update(bytes).digest("hex");
  return { mirror: `http://127.0.0.1:${address.port}/`, sha512, asked };
}

describe("a kube-apiserver that is there", () => {
  it("is taken from the setting, from PATH, from the cache, in this order", async () => {
    const folder = await temporaryDirectory();
    const set = await sayer(join(folder, "mine"), "1.35.1");
    const onPath = await sayer(join(folder, "path/kube-apiserver"), "1.35.2");
    const toolsDir = join(folder, "tools");
    const cached = await sayer(
      join(toolsDir, `kube-apiserver-1.35.4-${platform()}/kube-apiserver`),
      "1.35.4",
    );
    await sayer(join(toolsDir, `kubernetes-1.35.3-${platform()}/kube-apiserver`), "1.35.3");
    const PATH = dirname(onPath);

    const find = (options: ApiServerOptions) => ensureApiServer("1.35", { toolsDir, ...options });
    expect(await find({ file: set, env: { PATH } })).toMatchObject({
      file: set,
      origin: "setting",
    });
    const named = { PATH, ETCD_RESTORE_KUBE_APISERVER: set };
    expect(await find({ env: named })).toMatchObject({ file: set, origin: "setting" });
    expect(await find({ env: { PATH } })).toMatchObject({ file: onPath, origin: "PATH" });
    expect(await find({ env: { PATH: folder } })).toEqual({
      ...{ file: cached, origin: "cache", version: "1.35.4" },
    });
    const exact = await ensureApiServer("1.35.3", { toolsDir, env: { PATH } });
    expect(exact).toMatchObject({ version: "1.35.3", origin: "cache" });
  });

  it("is refused when it was set and is of another version, or no kube-apiserver", async () => {
    const file = await sayer(join(await temporaryDirectory(), "mine"), "1.34.4");
    const failure = await failureOf(findApiServer("1.35", await nothing({ file })));
    expect(failure.message).toContain(`${file} is 1.34.4; needed is 1.35.x`);
    const other = await failureOf(findApiServer("1.35", await nothing({ file: "/bin/true" })));
    expect(other.message).toContain("it prints no version of Kubernetes");
  });
});

describe("a kube-apiserver that is installed", () => {
  it("comes out of the envtest archive when its sha512 is the pinned one, and stays", async () => {
    const { mirror, sha512, asked } = await archive("1.35.0");
    const options = await nothing({
      mirror,
      checksums: { [platform()]: { "1.35.0": sha512 } },
      // tar and gzip are needed.
      env: { PATH: "/usr/bin:/bin" },
    });
    const program = await ensureApiServer("1.35", options);
    expect(program).toMatchObject({ version: "1.35.0", origin: "release" });
    expect(asked).toEqual([`/envtest-v1.35.0/envtest-v1.35.0-${platform()}.tar.gz`]);
    expect(await readdir(dirname(program.file))).toEqual(["kube-apiserver"]);
    expect(await ensureApiServer("1.35", options)).toMatchObject({ origin: "cache" });
    expect(asked).toHaveLength(1);
  });

  it("is refused when the archive is another one, and nothing of it stays", async () => {
    const { mirror } = await archive("1.35.0");
    const options = await nothing({
      mirror,
      checksums: { [platform()]: { "1.35.0": "0".repeat(128) } },
    });
    const failure = await failureOf(ensureApiServer("1.35", options));
    expect(failure.message).toContain("is not the release that is pinned here: sha512 expected");
    expect(await readdir(options.toolsDir ?? "")).toEqual([]);
  });

  it("is an error that names all five ways when none works", async () => {
    const failure = await failureOf(ensureApiServer("1.35", await nothing()));
    expect(failure.ways.map(({ way }) => way)).toEqual([
      ...["setting", "PATH", "cache", "release", "built"],
    ]);
    expect(failure.message).toContain("there is no `go` on PATH");
    expect(failure.message).toContain("--kube-apiserver");
  });

  it("has a pinned module for the minors that are promised", async () => {
    const folder = join(__dirname, "../../../machine/programs");
    const kinds = { folder: "kube-", module: "k8s.io/kubernetes" };
    for (const minor of ["1.33", "1.35"]) {
      const { version } = await pinnedModule(parseWanted(minor), folder, kinds);
      expect(version.startsWith(`${minor}.`)).toBe(true);
    }
  });
});
