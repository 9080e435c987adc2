/** The verdicts, each from what the file says and what the server answered. Nothing here asks anybody. */
import type { Check } from "../report/report";
import { etcdVersionOf } from "../snapshot/judgement";
import type { Snapshot } from "../snapshot/snapshot";
import type { Answer, ServerFacts } from "./server-facts";
import { same, notChecked } from "./check-words";

/** It runs on the version that was wished for, and on the minor version that wrote the backup. */
export function versionCheck(snapshot: Snapshot, { status }: ServerFacts, wished?: string): Check {
  const check = { id: "etcd-version", title: "Version of etcd", source: "file" };
  const wrote = etcdVersionOf(snapshot);
  if ("refused" in status) {
    return notChecked(check, status.refused, wished ?? wrote);
  }
  const found = status.value.version;
  if (wished !== undefined && !isOfVersion(found, wished)) {
    const reason = `asked for ${wished}, found ${found}: what serves is not what was wished for`;
    return { ...check, source: "setting", verdict: "fail", expected: wished, found, reason };
  }
  const minor = (version: string) => version.split(".").slice(0, 2).join(".");
  if (minor(found) === minor(wrote)) {
    return { ...check, verdict: "pass", expected: minor(wrote), found };
  }
  const reason =
    wrote === "unknown"
      ? "the file does not name the version that wrote it, as those of old etcds do not"
      : "another minor version than the one that wrote the backup: it serves the data, as the other checks show, " +
        "but etcd promises that only for the same minor version";
  return { ...check, verdict: "explained", expected: minor(wrote), found, reason };
}

/** Whether a version is the one that was wished for: `3.6.16` is of 3.6 and of 3.6.16. */
function isOfVersion(found: string, wished: string): boolean {
  return found === wished || found.startsWith(`${wished}.`);
}

/** The history is compacted up to the same revision. */
export function compactRevisionCheck(snapshot: Snapshot, facts: ServerFacts): Check {
  const check = { id: "compact-revision", title: "Compacted up to revision", source: "file" };
  const expected = snapshot.compactRevision;
  if ("refused" in facts.compactRevision) {
    return notChecked(check, facts.compactRevision.refused, String(expected));
  }
  const found = facts.compactRevision.value;
  if (found > expected && found <= snapshot.revision) {
    return {
      ...check,
      verdict: "explained",
      expected: String(expected),
      found: String(found),
      reason:
        "the server was compacted after the restore; keys as of the backup's revision are all there",
    };
  }
  return same(check, String(expected), String(found));
}

/** The one number that covers every key, value, revision and version. */
export function hashKvCheck(
  snapshot: Snapshot,
  facts: Pick<ServerFacts, "status" | "readRevision" | "hash">,
): Check {
  const { revision } = snapshot;
  const check = { id: "hashkv", title: `HashKV at revision ${revision}`, source: "file" };
  const own = String(snapshot.hashKv());
  if ("refused" in facts.status) {
    return notChecked(check, facts.status.refused, own);
  }
  if (facts.readRevision < revision) {
    return { ...check, verdict: "fail", expected: own, found: `ends at ${facts.readRevision}` };
  }
  if ("refused" in facts.hash) {
    return notChecked(check, facts.hash.refused, own);
  }
  const { hash, hashRevision, compactRevision } = facts.hash.value;
  if (hashRevision > 0 && hashRevision !== revision) {
    return notChecked(check, `the server hashed revision ${hashRevision} instead`, own);
  }
  const compacted = Math.max(compactRevision, 0);
  // See `compactRevision` in server-facts: a stored hash over records that the file no longer has.
  if (compacted < snapshot.compactRevision && snapshot.finishedCompactRevision === revision) {
    const reason = `the server answers with the hash it stored before it compacted to ${revision}; the file was saved after`;
    return notChecked(check, reason, own);
  }
  return same(check, String(snapshot.hashKv(revision, compacted)), String(hash));
}

/** As many keys as in the file. */
export function keyCountCheck(snapshot: Snapshot, facts: ServerFacts): Check {
  const check = { id: "key-count", title: "Keys", source: "file" };
  const expected = String(snapshot.live.count);
  return "refused" in facts.keys
    ? notChecked(check, facts.keys.refused, expected)
    : same(check, expected, String(facts.keys.value));
}

/** Alarms: those of the backup come along, and no other. */
export function alarmsCheck(snapshot: Snapshot, { alarms }: ServerFacts): Check {
  const check = { id: "alarms", title: "Alarms", source: "file" };
  const names = (list: readonly { readonly alarm: string }[]) =>
    [...new Set(list.map(({ alarm }) => alarm))].sort().join(", ") || "none";
  const expected = names(snapshot.alarms);
  if ("refused" in alarms) {
    return notChecked(check, alarms.refused, expected);
  }
  const found = names(alarms.value);
  if (snapshot.alarms.length === 0) {
    return same(check, expected, found);
  }
  if (found === expected) {
    const reason = expected.includes("CORRUPT")
      ? "came along with the backup: the members of its cluster held different data, so it may be of the wrong one. " +
        "Compare it with a backup of another member (etcd-restore diff) before it is trusted, and before `etcdctl alarm disarm`"
      : "came along with the backup: the store refuses writes until `etcdctl alarm disarm`";
    return { ...check, verdict: "explained", expected, found, reason };
  }
  if (found === "none") {
    const reason = "the backup's alarm was disarmed after the restore";
    return { ...check, verdict: "explained", expected, found, reason };
  }
  return same(check, expected, found);
}

/** Every key was read and compared; `differing` keys are not as in the file. */
export function readBackCheck(
  snapshot: Snapshot,
  mode: "stored" | "metadata",
  result: Answer<{ readonly differing: number; readonly extra: number }>,
): Check {
  const what =
    mode === "stored"
      ? "Each key's value, revisions, version, lease"
      : "Each key's revisions, version, lease";
  const check = { id: "read-back", title: what, source: "file" };
  const count = snapshot.live.count;
  const expected = `${count} as in the file`;
  if ("refused" in result) {
    return notChecked(check, result.refused, expected);
  }
  const { differing, extra } = result.value;
  const found = `${count - differing} as in the file` + (extra > 0 ? `, ${extra} more keys` : "");
  return same(check, expected, found);
}
