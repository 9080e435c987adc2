/** Boots snapshots in this process, and makes snapshots with a fault in them by a real etcd. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { boot, type BootResult } from "../../../boot/boot";
import type { BootRequest } from "../../../boot/boot-request";
import { readBackup } from "../../../etcd/backup/read-backup";
import type { Check } from "../../../etcd/report/report";
import { ensureApiServer, findApiServer } from "../../../machine/programs/api-server";
import { startEtcdServer, type EtcdServer } from "../../support/etcd-server";
import { beforeAll, beforeEach } from "vitest";
import { temporaryDirectory } from "../../support/temporary";

/** Skips every test of the file, with the reason, where no kube-apiserver of that version can be had. */
export function needsApiServer(version: string): void {
  let missing: string | undefined;
  beforeAll(async () => {
    missing = await ensureApiServer(version).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  }, 7_200_000);
  beforeEach(({ skip }) => {
    skip(missing !== undefined, missing);
  });
}

/** Why a kube-apiserver of that minor is not here; undefined where it is. Nothing is installed for it: a build takes ten minutes. */
export async function apiServerMissing(minor: string): Promise<string | undefined> {
  const { program, failed } = await findApiServer(minor);
  const tried = failed.map(({ way, reason }) => `${way}: ${reason}`).join("; ");
  return program === undefined ? `no kube-apiserver ${minor} is here (${tried})` : undefined;
}

/** Boots a backup with an API server of 1.35 and without a life, unless told otherwise. */
export async function booted(
  file: string,
  options: Partial<Omit<BootRequest, "main" | "events">> & { readonly events?: string } = {},
): Promise<BootResult & { readonly check: (id: string) => Check | undefined }> {
  const opened = [await readBackup(file)];
  if (options.events !== undefined) opened.push(await readBackup(options.events));
  const [main, events] = opened.map(({ snapshot, backup }) => ({ snapshot, path: backup.path }));
  if (main === undefined) throw new Error("no backup");
  try {
    const result = await boot({
      ...{ kubernetes: "1.35", life: false, signal: new AbortController().signal },
      ...{
        say: () => undefined,
        tell: () => undefined,
        base: join(await temporaryDirectory(), "clones"),
      },
      ...options,
      ...{ main, events },
    });
    return { ...result, check: (id) => result.checks.find((each) => each.id === id) };
  } finally {
    for (const { snapshot } of opened) snapshot.close();
  }
}

/** A store in which something is to be changed. */
export interface Plant {
  put(key: string, value: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

/** Serves a backup by a real etcd, changes it, and takes a snapshot of that; gives its path. */
export async function planted(
  file: string,
  change: (plant: Plant) => Promise<void>,
): Promise<string> {
  const server: EtcdServer = await startEtcdServer({ snapshot: file });
  try {
    await change({
      async put(key, value) {
        const [program = "", ...flags] = server.etcdctlArgv;
        const child = spawn(program, [...flags, "put", key], {
          stdio: ["pipe", "ignore", "inherit"],
        });
        child.stdin.end(value);
        const [code] = (await once(child, "close")) as [number | null];
        if (code !== 0) throw new Error(`etcdctl put ended with ${String(code)}`);
      },
      async remove(key) {
        await server.etcdctl("del", key);
      },
    });
    const saved = join(await temporaryDirectory(), "planted.db");
    await server.saveSnapshot(saved);
    return saved;
  } finally {
    await server.stop();
  }
}
