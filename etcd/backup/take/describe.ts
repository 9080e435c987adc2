/** What a backup is, in its manifest and in the notes for whoever took it. */
import packageJson from "../../../package.json";
import { clusterIdentity } from "../../kubernetes/cluster-identity";
import type { Snapshot } from "../../snapshot/types";
import { visible } from "../../wire/visible";
import type { ManifestContent } from "../manifest";
import type { HashPair } from "./hash-pair";
import type { Received } from "./receive";
import type { SourceState } from "./source";
import type { Receiving } from "./take-request";

interface Findings {
  readonly state: SourceState;
  readonly takenAt: Date;
  readonly received: Received;
  readonly snapshot: Snapshot;
  readonly pair: HashPair;
}

export function describe(
  { from, members, kubernetes }: Receiving,
  { state, takenAt, received, snapshot, pair }: Findings,
): ManifestContent {
  const identity = { ...clusterIdentity(snapshot.live), ...kubernetes };
  return {
    schemaVersion: 1,
    tool: `${packageJson.name} ${packageJson.version}`,
    takenAt: takenAt.toISOString(),
    sha256: received.sha256,
    bytes: received.bytes,
    source: {
      ...from,
      clusterId: hex(state.clusterId),
      memberId: hex(state.memberId),
      etcdVersion: state.version,
      ...("notComparable" in pair
        ? { revision: state.revision, notComparable: visible(pair.notComparable) }
        : {
            revision: pair.revision,
            compactRevision: pair.compactRevision,
            hashKv: pair.hash,
            hashKvRevision: pair.revision,
          }),
    },
    ...(members !== undefined && { members: [...members] }),
    ...(Object.keys(identity).length > 0 && { kubernetes: identity }),
  };
}

export function notesOf(snapshot: Snapshot, pair: HashPair): readonly string[] {
  if ("notComparable" in pair) {
    return [`its HashKV is not comparable with the source's: ${visible(pair.notComparable)}`];
  }
  if (pair.revision === snapshot.revision) return [];
  return [
    `the source was hashed at revision ${pair.revision}; what was written up to ${snapshot.revision} is in the file ` +
      "and only its sha256 covers it",
  ];
}

function hex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}
