/** A v2 store in a pod of a real cluster: looked into and backed up there, with an etcd 3.5 that serves it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localSource } from "../../../etcd/backup/v2/v2-source";
import { readMember } from "../../../etcd/backup/v2/v2-backup";
import { readRestorableV2 } from "../../../etcd/backup/v2/restorable";
import { programsOf } from "../../support/etcd-server";
import { createWorkspace } from "../../support/kubernetes-fixtures";
import { startV2Server, v2Requests } from "../../support/v2-store";
import { helperImage, kubectl, node, ourPods, run } from "./cluster";

const NAMESPACE = "old-store";
const files = createWorkspace();
const DATA = files.path("data");
const KEYS = 120;
const START_LIMIT_MS = 120_000;

/** An etcd pod as such clusters had it: the data in a folder of the node, clients without TLS. */
const pod = (programs: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "etcd-server-old", namespace: NAMESPACE },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 1,
    tolerations: [{ operator: "Exists" }],
    containers: [
      {
        name: "etcd",
        image: helperImage,
        imagePullPolicy: "Never",
        command: [
          ...["/programs/etcd", "--data-dir=/var/etcd/data", "--enable-v2=true"],
          ...["--listen-client-urls=http://0.0.0.0:2379"],
          ...["--advertise-client-urls=http://127.0.0.1:2379"],
        ],
        volumeMounts: [
          { name: "programs", mountPath: "/programs", readOnly: true },
          { name: "data", mountPath: "/var/etcd/data" },
        ],
      },
    ],
    volumes: [
      { name: "programs", hostPath: { path: programs, type: "Directory" } },
      { name: "data", hostPath: { path: DATA, type: "Directory" } },
    ],
  },
});

beforeAll(async () => {
  const { etcd } = await programsOf("3.5");
  const server = await startV2Server(DATA, 50);
  const store = v2Requests(server.url);
  for (let i = 0; i < KEYS; i++) await store.put(`/registry/pods/ns-${i % 3}/pod-${i}`, `${i}`);
  store.close();
  await server.etcdctl("put", "/v3/key", "x");
  await server.stop();
  await kubectl("create", "namespace", NAMESPACE);
  const manifest = files.write("pod.json", Buffer.from(JSON.stringify(pod(path.dirname(etcd)))));
  await kubectl("create", "-f", manifest);
  await kubectl("wait", "pod", "-n", NAMESPACE, "--all", "--for=condition=Ready", "--timeout=120s");
  await untilServing();
});
afterAll(async () => {
  await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s");
  files.remove();
});

const here = ["--kubernetes", "-n", NAMESPACE, "--helper-image", helperImage];
const backup = (...more: readonly string[]) => run("backup", "--v2", ...here, ...more);

async function untilServing(): Promise<void> {
  for (const end = Date.now() + START_LIMIT_MS; ;) {
    const { code, stderr } = await run("ls", "/", "--v2", ...here);
    if (code === 0) return;
    if (Date.now() > end) throw new Error(`etcd does not serve in its pod: ${stderr}`);
    await sleep(1000);
  }
}

/** The keys of a backup, and those that lie on the node. */
async function both(output: string) {
  const found = await readRestorableV2(output, output);
  found?.close();
  const there = readMember(localSource(DATA).files).store;
  return { taken: found?.store.nodes, there: there?.nodes };
}

describe("an etcd with a v2 store in a pod", () => {
  it("is looked into through kubectl", async () => {
    const { stdout } = await run("ls", "/registry/pods", "--v2", ...here);
    expect(stdout).toBe("/registry/pods/ns-0/\n/registry/pods/ns-1/\n/registry/pods/ns-2/\n");
    const got = await run("get", "/registry/pods/ns-1/pod-100", "--v2", ...here, "-o", "raw");
    expect(got.stdout).toBe("100");
  });

  it("is not taken before it is known what is to become of its v3 keys", async () => {
    const output = files.path("refused");
    const { code, stderr } = await backup("-o", output);
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(
      /an etcd runs on old-store\/etcd-server-old:\/var\/etcd\/data, .* take them with `backup --kubernetes`/,
    );
    expect(fs.readdirSync(output)).toEqual([]);
    expect(await ourPods()).toEqual([]);
  });

  it("is taken while it serves, key by key as it lies on the node, and no pod of ours stays", async () => {
    const output = files.path("taken");
    const { code, stdout, stderr } = await backup("--without-v3", "-o", output);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /^source {5}old-store\/etcd-server-old:\/var\/etcd\/data, etcd 3\.5\.0$/m,
    );
    expect(stdout).toMatch(/^TAKEN .*taken\/main: 120 v2 keys at index \d+$/m);
    expect(stdout).toMatch(/^note .*v3 keys, if it has some, are left out$/m);
    const { taken, there } = await both(path.join(output, "main"));
    expect(taken).toHaveLength(KEYS + 5);
    expect(taken).toEqual(there);
    expect(fs.readdirSync(output).sort()).toEqual(["main", "main.json"]);
    expect(await ourPods()).toEqual([]);
    const again = await backup("--without-v3", "-o", output);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("is there already")]);
  });

  it("says what it would make, and makes nothing", async () => {
    const { code, stdout } = await backup("--dry-run");
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/node: makes a pod to copy the files of etcd out of .* of node/),
    ]);
    expect(await ourPods()).toEqual([]);
  });
});

it("an etcd that has no v2 store is none to take", async () => {
  const output = files.path("none");
  const words = ["backup", "--v2", "--kubernetes", "--only", "main", "--helper-image", helperImage];
  const { code, stderr } = await run(...words, "--without-v3", "-o", output);
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/kube-system\/etcd-.* holds no key of a v2 store/);
  expect(await ourPods()).toEqual([]);
});
