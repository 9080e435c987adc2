/** What a report says of etcd's old v2 store, for every form of it. */
import { counted, grouped } from "../wire/figures";
import type { Report, V2Summary } from "./report";

/** `309 v2 keys in 16 folders, 4 hidden, 3 with a time to live, index 316` */
export function v2State({ keys, folders, hidden, withTtl, index }: V2Summary): string {
  return (
    `${counted(keys, "v2 key")} in ${counted(folders, "folder")}, ${grouped(hidden)} hidden, ` +
    `${grouped(withTtl)} with a time to live, index ${index}`
  );
}

/** `306 of 309 v2 keys` */
export function v2Same({ same, keys }: V2Summary): string {
  return `${grouped(same.keys)} of ${counted(keys, "v2 key")}`;
}

/** What a pass says: how many were found as they were; what is not among them had run out. */
export function v2Proved(report: Report, v2: V2Summary): string {
  const { keys, revision, hashKv } = report.snapshot;
  const over = v2.keys - v2.same.keys;
  const gone = over === 0 ? "" : ` (${grouped(over)} explained: run out, or written since)`;
  const beside =
    keys === 0
      ? ""
      : `, and so are ${counted(keys, "v3 key")} (revision ${revision}, HashKV ${hashKv})`;
  return `${v2Same(v2)} in ${counted(v2.folders, "folder")} are exactly what the backup holds${gone}${beside}`;
}

/** The sentences of a pass, for readers who do not know etcd. */
export function v2Proves(report: Report, v2: V2Summary): readonly string[] {
  const { restored, snapshot } = report;
  return [
    `The etcd ${restored.etcdVersion} at ${restored.endpoint} serves the v2 store of the backup at index ${v2.index}.`,
    "Each key and folder was read back over HTTP, those that no listing has by their names, and its value, its indexes and " +
      "the moment when it runs out compared with what was read from log and snapshot without any help of etcd.",
    ...(snapshot.keys === 0
      ? ["The backup holds no key of the v3 store, and none is served."]
      : [
          `The ${counted(snapshot.keys, "v3 key")} beside them are those of the backup too: by HashKV, and each read back.`,
        ]),
  ];
}

/** What no verdict on a v2 store proves. */
export const V2_PROVES_NOT =
  "That there is no hidden v2 key which the backup does not have: etcd lists none. Nothing of that kind is written by a restore.";

/** What to do before clients use it. */
export const V2_BEFORE_USE = [
  "Clients that have seen a later index than the backup's wait for changes that will not come again: restart whatever watches.",
  "Times to live were not stopped by the backup: what had run out by now is gone, and the rest goes when it would have.",
  "No etcd after 3.5 has a v2 store: move what is still needed to the v3 store before the next upgrade.",
] as const;
