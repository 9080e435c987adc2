/** What to know about a backup that can be restored all the same. */
import type { EncryptionFindings } from "../encryption/findings";
import { etcdVersionOf } from "../snapshot/judgement";
import type { Snapshot } from "../snapshot/snapshot";
import { counted, size } from "../wire/figures";
import type { Census } from "./census";
import type { LeaseCensus } from "./leases";

/** etcd's own limit where nobody sets one. */
const DEFAULT_QUOTA_BYTES = 2 * 2 ** 30;

/** @param opened what an EncryptionConfiguration opened, where one was given */
export function notesOf(
  snapshot: Snapshot,
  census: Census,
  leases: LeaseCensus,
  opened: EncryptionFindings | undefined,
): readonly string[] {
  return [...onTheStore(snapshot), ...onWhatItHolds(snapshot, census, leases, opened)];
}

function onTheStore(snapshot: Snapshot): readonly string[] {
  const { alarms, auth, badMetaPage, downgradeTo, live } = snapshot;
  const list: string[] = [];
  if (live.count === 0) list.push("it holds no key at all");
  if (etcdVersionOf(snapshot) === "unknown") {
    list.push(
      "it does not say which etcd wrote it: 3.5 or older, or one that ran for a short time",
    );
  }
  if (alarms.length > 0) {
    const names = [...new Set(alarms.map(({ alarm }) => alarm))].join(", ");
    list.push(
      names.includes("CORRUPT")
        ? `alarm ${names} was raised and comes along: etcd found that the members of this cluster hold different data, so ` +
            "this backup may be of the wrong one. Compare it with a backup of another member (diff A B) before it is " +
            "trusted, and before the alarm is disarmed"
        : `alarm ${names} was raised and comes along: writes are refused until it is disarmed`,
    );
  }
  if (downgradeTo !== undefined) {
    list.push(
      `a downgrade to ${downgradeTo} was under way and comes along: the restored cluster goes on with it by itself; ` +
        "`etcdctl downgrade cancel` on it ends that",
    );
  }
  if (auth.enabled) {
    list.push(
      auth.rootWithoutPassword
        ? "authentication is on and comes along, and root has no password: the proof needs none; you come in by a client certificate named root, or by another user's password"
        : "authentication is on and comes along: the proof needs no password, you need root's to look inside",
    );
  }
  if (badMetaPage !== undefined) {
    list.push(`meta page ${badMetaPage} is damaged; the other one was used, as etcd would`);
  }
  return list;
}

function onWhatItHolds(
  { bytes }: Snapshot,
  { encryption }: Census,
  leases: LeaseCensus,
  opened: EncryptionFindings | undefined,
): readonly string[] {
  const list: string[] = [];
  if (encryption.encrypted > 0 && opened === undefined) {
    const keys = encryption.providers.map(({ provider, keyName }) => `${provider} ${keyName}`);
    list.push(
      `${counted(encryption.encrypted, "value")} can be read only with the API server's keys: ${keys.join(", ")}`,
    );
  }
  if (encryption.secretsNotEncrypted > 0) {
    list.push(
      `${counted(encryption.secretsNotEncrypted, "Secret")} not encrypted: keep this file like a password`,
    );
  }
  if (leases.keysWithoutTheirLease > 0) {
    const one = leases.keysWithoutTheirLease === 1;
    list.push(
      `${counted(leases.keysWithoutTheirLease, "key")} ${one ? "names" : "name"} a lease that the file does not hold: ` +
        `nothing ends ${one ? "it" : "them"} any more, so ${one ? "it stays" : "they stay"} for ever unless deleted`,
    );
  }
  if (bytes > DEFAULT_QUOTA_BYTES) {
    list.push(
      `with ${size(bytes)} it is over etcd's default quota of 2.0 GiB: set --quota-backend-bytes (etcd-restore does)`,
    );
  }
  return list;
}
