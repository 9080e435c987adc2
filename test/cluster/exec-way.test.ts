/**
 * The way by exec from end to end: real etcd and etcdctl over mutual TLS, a real backup. Only kubectl is not there:
 * what it would run in a container is run here. (test/acceptance/kubernetes has it all in a real cluster.)
 */
import { execFile as execFileCallback, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClusterError } from "../../cluster/cluster-error";
import type { EtcdPod } from "../../cluster/etcd-pods";
import type { Kubectl } from "../../cluster/kubectl";
import { ownName } from "../../cluster/own-names";
import { byOpenWay } from "../../cluster/ways";
import { readManifest } from "../../etcd/backup/manifest";
import { takeBackup } from "../../etcd/backup/take/take-backup";
import { programsOf, startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { temporaryDirectory } from "../support/temporary";

const execFile = promisify(execFileCallback);

/** Runs here what would run in a container; `cut` files come short although kubectl ends with 0. */
function kubectlHere(etcdctl: string, cut = 0): Kubectl {
  let cuts = cut;
  const inside = (argv: readonly string[]): readonly [string, ...string[]] => {
    const [program = "", ...words] = argv.slice(argv.indexOf("--") + 1);
    return [program === "etcdctl" ? etcdctl : program, ...words];
  };
  return {
    async run(argv, doing) {
      const [program, ...words] = inside(argv);
      try {
        return (await execFile(program, words)).stdout;
      } catch (error) {
        throw new ClusterError("environment", `${doing}: ${String(error)}`, true);
      }
    },
    start(argv) {
      const words = inside(argv);
      cuts -= 1;
      const script = cuts >= 0 ? '"$@" | head -c 9000' : '"$@"';
      return spawn("sh", ["-c", script, "sh", ...words], { stdio: ["ignore", "pipe", "pipe"] });
    },
  };
}

describe.each(["3.5", "3.6", "3.7"])("etcd %s", (version) => {
  let server: EtcdServer;
  let etcdctl: string;
  beforeAll(async () => {
    server = await startEtcdServer({ version, tls: true });
    ({ etcdctl } = await programsOf(version));
    for (const key of ["a", "b", "c"])
      await server.etcdctl("put", `/registry/${key}`, "x".repeat(9000));
  });
  afterAll(() => server.stop());

  /** A pod whose container is this computer, with etcd's files where its flags name them. */
  async function pod(dataDir: string): Promise<EtcdPod> {
    await mkdir(dataDir);
    const file = (name: string) =>
      server.etcdctlArgv.find((word) => word.startsWith(`--${name}=`))?.split("=")[1] ?? "";
    return {
      name: "etcd-here",
      namespace: "kube-system",
      cluster: "main",
      node: "here",
      ready: true,
      container: "etcd",
      image: `registry.k8s.io/etcd:${version}.0`,
      endpoints: [server.url],
      localUrl: server.url,
      tls: true,
      certificates: { ca: file("cacert"), certificate: file("cert"), key: file("key") },
      dataDir,
      mounts: { [dataDir]: dataDir },
    };
  }

  async function takeInto(file: string, kubectl: Kubectl, from: EtcdPod) {
    const { signal } = new AbortController();
    const reaching = { kubectl, signal, helperImage: "none" };
    return byOpenWay(reaching, from, ["exec"], (source) =>
      takeBackup({ source, from: { pod: `${from.namespace}/${from.name}` }, file, signal }),
    );
  }

  test("is backed up, its hash is the file's, and nothing is left beside its data", async () => {
    const directory = await temporaryDirectory();
    const data = join(directory, "data");
    const from = await pod(data);
    // What a killed run of this computer has left goes, and nothing else.
    writeFileSync(join(data, `${ownName().replace(`-${process.pid}-`, "-9999999-")}.db`), "left");
    writeFileSync(join(data, "mine.db"), "mine");
    const file = join(directory, "main.db");
    const { way, closed } = await takeInto(file, kubectlHere(etcdctl), from);
    expect({ way, closed }).toEqual({ way: "exec", closed: [] });
    const manifest = readManifest(file);
    expect(manifest?.source).toMatchObject({
      pod: "kube-system/etcd-here",
      revision: 4,
      hashKvRevision: 4,
    });
    expect(manifest?.source.notComparable).toBeUndefined();
    const said = await server.etcdctl("endpoint", "hashkv", "--rev=4", "-w", "json");
    expect(manifest?.source.hashKv).toBe(Number(/"hash":(\d+)/.exec(said)?.[1]));
    expect(readdirSync(data)).toEqual(["mine.db"]);
  });

  test("is fetched again when it comes short, and given up after three times", async () => {
    const directory = await temporaryDirectory();
    const from = await pod(join(directory, "data"));
    const file = join(directory, "main.db");
    await takeInto(file, kubectlHere(etcdctl, 2), from);
    expect(readFileSync(file).length).toBeGreaterThan(9000);
    const other = join(directory, "other.db");
    await expect(takeInto(other, kubectlHere(etcdctl, 3), from)).rejects.toThrow(
      /8\.8 KiB came of/,
    );
    expect([existsSync(other), readdirSync(from.dataDir ?? "")]).toEqual([false, []]);
  });
});

test("a way that is closed is said with its reason, and every way when all are", async () => {
  const nowhere: Kubectl = {
    run: (_, doing) => Promise.reject(new ClusterError("environment", `${doing}: forbidden`, true)),
    start: () => spawn("false", { stdio: ["ignore", "pipe", "pipe"] }),
  };
  const from: EtcdPod = {
    ...{
      name: "etcd-a",
      namespace: "n",
      cluster: "main",
      node: "a",
      ready: true,
      container: "etcd",
      image: "etcd",
    },
    ...{ endpoints: [], localUrl: "https://127.0.0.1:2379", tls: true, mounts: {} },
  };
  const { signal } = new AbortController();
  const reaching = { kubectl: nowhere, signal, helperImage: "none" };
  const ways = ["port-forward", "exec", "node"] as const;
  await expect(byOpenWay(reaching, from, ways, () => Promise.resolve(1))).rejects.toThrow(
    /no way leads to the etcd of etcd-a:\n {2}port-forward: .*--cacert.*\n {2}exec: .*nowhere to save to\n {2}node: .*certificate/,
  );
});
