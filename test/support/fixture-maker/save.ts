/** Puts a store and what its servers say of it into the folder of the fixtures. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { EtcdServer } from "../etcd-server";
import type { KubernetesServer } from "../kubernetes-server";
import { listedObjects, modRevisionOf, revisionOf, saveWithTruth } from "./truth";

const LIMIT_MS = 240_000;

/** Waits until something is so, four minutes at most. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`);
    await delay(250);
  }
}

/** Lists all objects at a moment at which nothing is written, and kills the API server before it writes again. */
async function listedAtRest(api: KubernetesServer, etcd: EtcdServer): Promise<readonly object[]> {
  for (;;) {
    // Its own lease of 15 s is to be in the store, and with time left; a clean stop would remove it.
    const renewed = await modRevisionOf(etcd, "/registry/masterleases/");
    await until("its lease is renewed", async () => {
      return (await modRevisionOf(etcd, "/registry/masterleases/")) !== renewed;
    });
    const before = await revisionOf(etcd);
    const objects = await listedObjects(api);
    if ((await revisionOf(etcd)) !== before) continue;
    await api.stop("SIGKILL");
    if ((await revisionOf(etcd)) !== before) throw new Error("it wrote once more: run this again");
    return objects;
  }
}

/**
 * Kills the API server and saves its store as `NAME.gz`, with `NAME.truth.json.gz` (what etcd says of it) and
 * `NAME.objects.json.gz` (what the API server listed just before).
 * @returns a line for whoever runs the maker
 */
export async function saveFixture(
  folder: string,
  name: string,
  api: KubernetesServer,
  etcd: EtcdServer,
): Promise<string> {
  const objects = await listedAtRest(api, etcd);
  const work = mkdtempSync(join(tmpdir(), "etcd-restore-maker-"));
  try {
    const file = join(work, name);
    const truth = await saveWithTruth(etcd, file, { name, kubernetes: api.version });
    const put = (as: string, content: Buffer | string) => {
      writeFileSync(join(folder, `${as}.gz`), gzipSync(content, { level: 9 }));
    };
    put(name, readFileSync(file));
    put(`${name}.truth.json`, JSON.stringify(truth, undefined, 1));
    put(`${name}.objects.json`, `[\n${objects.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return `${objects.length} objects in ${join(folder, name)}.gz`;
}
