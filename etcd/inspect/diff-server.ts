import { type DifferenceSink } from "../proof/differences";
import { printableKey } from "../wire/keys";
import type { EtcdClient } from "../client/etcd-client";
import { ALL_KEYS, planReadBack } from "../proof/plan";
import { readBack } from "../proof/read-back";
import type { Snapshot } from "../snapshot/snapshot";
import { changeLog, side, type Change, type KeyChange, type StoreDiff } from "./diff";
import type { KeyField } from "../report/report";

/**
 * Compares a file with a running etcd as it is now; reads all its values, at one revision.
 * @param onChange told of each key that differs, in the order in which the server's answers come
 * @throws EtcdError when the server cannot be read to the end
 */
export async function diffServer(
  a: Snapshot,
  client: EtcdClient,
  name: string,
  onChange?: (change: KeyChange) => void,
): Promise<StoreDiff> {
  const { revision } = await client.status();
  const keys = await client.count(ALL_KEYS, revision);
  const log = changeLog();
  let sameValue = 0;
  const tell = (key: Buffer, change: Change, fields?: readonly KeyField[]) => {
    log.add(key, change);
    onChange?.({ key: printableKey(key), change, ...(fields && { fields }) });
  };
  const differences: DifferenceSink = {
    missing: (key) => {
      tell(key, "removed");
    },
    extra: (key) => {
      tell(key, "added");
    },
    changed: (key, fields) => {
      if (!fields.includes("value")) sameValue += 1;
      tell(key, "changed", fields);
    },
  };
  await readBack({
    client,
    live: a.live,
    plan: planReadBack(a.live),
    revision,
    mode: "stored",
    leasesInKeysOnly: true,
    differences,
  });
  const { total, ...tables } = log.result();
  const same = a.live.count - total.removed - total.changed;
  return {
    schemaVersion: 1,
    a: side(a),
    b: { name, revision, keys },
    verdict: same === a.live.count && same === keys ? "same" : "different",
    same,
    sameValue,
    total,
    ...tables,
  };
}
