/** What etcd's own programs say of a store or of a backup file: the other side of each comparison. */
import { execFile as execFileCallback } from "node:child_process";
import { copyFile, rm } from "node:fs/promises";
import { promisify } from "node:util";

import { programsOf, type EtcdServer } from "../support/etcd-server";

const execFile = promisify(execFileCallback);

/** What etcdutl 3.7 says of a file. 3.6's panics at leased keys, 3.5 has no `hashkv`. */
export interface FileAnswer {
  readonly hash: number;
  readonly hashRevision: number;
  readonly compactRevision: number;
  /** Live keys, and one for a bump's placeholder. */
  readonly totalKey: number;
  /** Of the last record. */
  readonly revision: number;
}

/** Asks on a copy that is removed again: `etcdutl hashkv` writes into the file. */
export async function askEtcdutl(file: string): Promise<FileAnswer> {
  const { etcdutl } = await programsOf("3.7");
  const copy = `${file}.copy`;
  await copyFile(file, copy);
  try {
    const status = JSON.parse(
      (await execFile(etcdutl, ["snapshot", "status", copy, "-w", "json"])).stdout,
    ) as { revision: number; totalKey: number };
    const hashKv = JSON.parse((await execFile(etcdutl, ["hashkv", copy, "-w", "json"])).stdout) as {
      hash: number;
      hashRevision: number;
      compactRevision: number;
    };
    // `status` has a hash as well, of another kind: only these two are taken of it.
    const { totalKey, revision } = status;
    return { ...hashKv, totalKey, revision };
  } finally {
    await rm(copy, { force: true });
  }
}

/** Keys and bytes of values by the first two segments of the key, as etcdctl lists the live keys at a revision. */
export async function askCensus(
  { etcdctl }: Pick<EtcdServer, "etcdctl">,
  revision: number,
): Promise<Readonly<Record<string, string>>> {
  const answer = JSON.parse(
    await etcdctl("get", "", "--prefix", "-w", "json", `--rev=${revision}`),
  ) as { kvs?: readonly { key: string; value?: string }[] };
  const sums = new Map<string, readonly [keys: number, bytes: number]>();
  for (const { key, value = "" } of answer.kvs ?? []) {
    const name = Buffer.from(key, "base64").toString("latin1");
    const prefix = /^\/?[^/]+\/(?:[^/]+\/)?/.exec(name)?.[0] ?? "";
    const [keys, bytes] = sums.get(prefix) ?? [0, 0];
    sums.set(prefix, [keys + 1, bytes + Buffer.from(value, "base64").length]);
  }
  return Object.fromEntries(
    [...sums].map(([prefix, [keys, bytes]]) => [prefix, `${keys} keys, ${bytes} bytes`]),
  );
}
