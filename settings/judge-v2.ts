/** The same of a backup of etcd's old v2 store, of which less can be asked. */
import { manifestOf } from "../etcd/backup/manifest-beside";
import type { V2Place } from "../etcd/backup/opened-backup";
import { hasV2Store, NEWEST_WITH_V2 as NEWEST } from "../etcd/backup/v2/judgement";
import { v2ManifestReasons } from "../etcd/backup/v2/manifest";
import type { RestorableV2 } from "../etcd/backup/v2/restorable";
import { compareVersions } from "../etcd/snapshot/judgement";
import type { BackupDemands, BackupJudgement } from "./judge-backup";

/** What can be asked of a backup of a v3 store, and of this one cannot. */
export interface NotOfV2 {
  /** Which kube-apiserver must come up on a clone of it: none of today reads a v2 store. */
  readonly kubernetes?: string | undefined;
  /** Keys that must be there: those of a v2 store are not named so. */
  readonly expectedKeys?: readonly string[] | undefined;
  /** How many members there are to be: a v2 store is restored into one. */
  readonly members?: number | undefined;
  /** Whether its machine is to be rebooted: a v2 store is not compared afterwards. */
  readonly reboot?: boolean | undefined;
}

/** How a backup of a v2 store is to be restored, and what was asked of it. */
export interface V2Demands extends BackupDemands, NotOfV2 {
  /** By how much the revision shall be raised, which a v2 store does not have. */
  readonly bumpRevision?: number | undefined;
}

/**
 * Judges a backup of a v2 store that was read.
 * @param place where it lies, with its manifest
 * @throws ManifestError where a manifest lies beside it that is broken
 */
export async function judgeV2(
  found: RestorableV2,
  place: V2Place,
  demands: V2Demands,
): Promise<BackupJudgement> {
  const servedBy = demands.etcdVersion === "auto" ? NEWEST : demands.etcdVersion;
  const reasons = [
    ...reasonsAgainst(found, servedBy, demands),
    ...(await v2ManifestReasons(manifestOf(place), found, demands.trusted)),
  ];
  return { servedBy, reasons };
}

function reasonsAgainst(
  { etcdVersion }: RestorableV2,
  servedBy: string,
  { bumpRevision, expectedCluster, kubernetes, expectedKeys = [], members = 1, reboot }: V2Demands,
): readonly string[] {
  const minor = servedBy.split(".").slice(0, 2).join(".");
  const writer = etcdVersion.split(".").slice(0, 2).join(".");
  const reasons: string[] = [];
  if (!hasV2Store(servedBy)) {
    reasons.push(
      `it is a backup of a v2 store, and etcd ${servedBy} has none: ${NEWEST} is the newest that has; set etcdVersion to auto, ${NEWEST} or 3.4`,
    );
  }
  if (etcdVersion !== "unknown" && compareVersions(minor, writer) < 0) {
    reasons.push(
      `etcd ${etcdVersion} wrote it and the setting etcdVersion is ${servedBy}: an older etcd cannot be trusted to serve ` +
        `it; set etcdVersion to auto or ${writer}`,
    );
  }
  if (bumpRevision !== undefined) {
    reasons.push("the indexes of a v2 store cannot be raised: leave out the setting bumpRevision");
  }
  if (kubernetes !== undefined && kubernetes !== "off") {
    reasons.push("no kube-apiserver of today reads a v2 store: leave out the setting kubernetes");
  }
  if (expectedKeys.length > 0) {
    reasons.push(
      "every key of a v2 store is read back, and none can be expected by name: leave out the setting expectedKeys",
    );
  }
  if (members > 1) {
    reasons.push(
      "a v2 store is restored into a cluster of one member: set members to 1, and add others once it serves",
    );
  }
  if (reboot === true) {
    reasons.push("a v2 store is not compared after a reboot: leave out the setting reboot");
  }
  if (expectedCluster !== undefined) {
    reasons.push(
      "the setting expectedCluster asks for a key of a v3 store: leave it out for a backup of a v2 store",
    );
  }
  return reasons;
}
