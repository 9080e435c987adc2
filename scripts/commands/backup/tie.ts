/** The file that ties the backups of one cluster: which belong together, of what they are, and which is older. */
import * as fs from "node:fs";
import type { EtcdPod } from "../../../cluster/etcd-pods";
import type { WayName } from "../../../cluster/way-names";
import type { ClosedWay } from "../../../cluster/ways";
import * as path from "node:path";
import type { TakenBackup } from "../../../etcd/backup/take/take-backup";
import { duration } from "../../../etcd/wire/figures";
import { TOOL } from "../../../etcd/report/tool";

/** A backup of one etcd, and how it was come by. */
export interface TakenCluster {
  readonly pod: EtcdPod;
  readonly file: string;
  readonly taken: TakenBackup;
  readonly way: WayName;
  /** Ways that were tried before, and why they are closed. */
  readonly closed: readonly ClosedWay[];
}

/** `backup.json`. */
export interface Tie {
  readonly schemaVersion: 1;
  readonly tool: string;
  readonly kubernetes: { readonly version?: string; readonly uid?: string };
  readonly backups: readonly {
    readonly cluster: EtcdPod["cluster"];
    readonly file: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly revision: number;
    readonly takenAt: string;
    readonly pod: string;
    readonly node: string;
    readonly via: WayName;
    readonly notVia: readonly ClosedWay[];
  }[];
  /** The one that was taken first, where there are two. */
  readonly older?: EtcdPod["cluster"];
  readonly secondsApart?: number;
  /** The same for people. */
  readonly words: string;
}

/** Ties backups that were taken in one run. */
export function tieOf(taken: readonly TakenCluster[], version: string | undefined): Tie {
  const backups = taken.map(({ pod, file, taken: { manifest, revision }, way, closed }) => ({
    cluster: pod.cluster,
    file: path.basename(file),
    sha256: manifest.sha256,
    bytes: manifest.bytes,
    revision,
    takenAt: manifest.takenAt,
    pod: `${pod.namespace}/${pod.name}`,
    node: pod.node,
    via: way,
    notVia: closed,
  }));
  // The events' etcd has no namespace in it; both are of one cluster all the same.
  const uid = taken
    .map(({ taken: { manifest } }) => manifest.kubernetes?.uid)
    .find((one) => one !== undefined);
  const kubernetes = {
    ...(version !== undefined && { version }),
    ...(uid !== undefined && { uid }),
  };
  const head = { schemaVersion: 1, tool: TOOL, kubernetes, backups } as const;
  const [first, second] = [...backups].sort(
    (a, b) => Date.parse(a.takenAt) - Date.parse(b.takenAt),
  );
  if (first === undefined || second === undefined) {
    return { ...head, words: `${first?.cluster ?? "nothing"} alone was taken` };
  }
  const secondsApart = (Date.parse(second.takenAt) - Date.parse(first.takenAt)) / 1000;
  const words =
    `${first.cluster} is the older one, by ${duration(secondsApart)}: ` +
    `what was written in between is in ${second.cluster} alone`;
  return { ...head, older: first.cluster, secondsApart, words };
}

/** Writes it whole or not at all. */
export async function writeTie(file: string, tie: Tie): Promise<void> {
  const part = `${file}.part`;
  const handle = await fs.promises.open(part, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(tie, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.promises.rename(part, file);
}
