/** The live keys of a server as etcdctl lists them: a criterion that shares no code with the proof. */
import { createHash } from "node:crypto";

import type { EtcdServer } from "../support/etcd-server";

/** The store's revision and a digest of every live key with value, lease and all revisions at `revision`. */
export async function askLiveKeys(
  { etcdctl }: Pick<EtcdServer, "etcdctl">,
  revision?: number,
): Promise<{ readonly revision: number; readonly digest: string }> {
  const at = revision === undefined ? [] : [`--rev=${revision}`];
  const text = await etcdctl("get", "", "--prefix", "-w", "json", ...at);
  // As text: ids and revisions may pass 2^53.
  const keys = text.slice(text.indexOf('"kvs"'), text.lastIndexOf('],"count"'));
  return {
    revision: Number(/"revision":(\d+)/.exec(text)?.[1]),
    digest: createHash("sha256").update(keys).digest("hex"),
  };
}
