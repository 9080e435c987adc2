/** The verdicts, each from what the file says and what the server answered. Nothing here asks anybody. */
import type { Check } from "../report/report";
import { etcdVersionOf } from "../snapshot/judgement";
import { counted } from "../wire/figures";
import type { Auth, Snapshot } from "../snapshot/snapshot";
import type { Container } from "../backup/container";
import { hashPairOf, type Manifest } from "../backup/manifest";
import { manifestProblems } from "../backup/manifest-problems";
import { printableKey } from "../wire/keys";
import { IN_USE } from "./lease-checks";
import type { Answer, ServerFacts } from "./server-facts";

/** What each check starts from. */
type Named = Pick<Check, "id" | "title" | "source">;

function notChecked(check: Named, reason: string, expected?: string): Check {
  return { ...check, verdict: "not-checked", ...(expected !== undefined && { expected }), reason };
}

/** A check that passes when the two texts are the same. */
function same(check: Named, expected: string, found: string, reason?: string): Check {
  const verdict = expected === found ? "pass" : "fail";
  return { ...check, verdict, expected, found, ...(reason !== undefined && { reason }) };
}

/** The file is what etcd wrote: its own SHA-256, and the manifest's where there is one. */
export function sha256Check(snapshot: Snapshot, manifest?: Manifest): Check {
  const check = { id: "sha256", title: "The file is as it was written", source: "file" };
  const inManifest = manifest?.sha256.toLowerCase();
  const { trailerSha256, contentSha256 } = snapshot;
  if (inManifest !== undefined && (inManifest !== snapshot.sha256 || trailerSha256 === undefined)) {
    return same({ ...check, source: "manifest" }, inManifest, snapshot.sha256);
  }
  return trailerSha256 === undefined
    ? notChecked(
        check,
        "the file carries no SHA-256 (a copy of a database, not a snapshot): nothing tells what it should be",
      )
    : same(check, trailerSha256, contentSha256);
}

/** The file is what the source held when the backup was taken; none where the manifest says that nothing tells. */
export function sourceChecks(snapshot: Snapshot, manifest: Manifest | undefined): readonly Check[] {
  const pair = manifest && hashPairOf(manifest);
  if (pair === undefined) return [];
  const check = {
    id: "source-hashkv",
    title: "The file is what the source held",
    source: "manifest",
  };
  const { revision, compactRevision, hash } = pair;
  if (
    revision > snapshot.revision ||
    compactRevision < snapshot.compactRevision ||
    revision < compactRevision
  ) {
    const reason =
      `the source was hashed at revision ${revision}, compacted to ${compactRevision}; ` +
      `the file ends at ${snapshot.revision}, compacted to ${snapshot.compactRevision}: not comparable`;
    return [notChecked(check, reason, String(hash))];
  }
  return [same(check, String(hash), String(snapshot.hashKv(revision, compactRevision)))];
}

/** Fields that have a check of their own. */
const CHECKED_APART = [
  "sha256",
  "source.hashKv",
  "source.hashKvRevision",
  "source.compactRevision",
];

/**
 * The manifest is as it was written: by its signature, and by what the file says. None where there is nothing to say.
 * @param trustedKey SHA-256 of the public key that must have signed it
 */
export function manifestChecks(
  manifest: Manifest | undefined,
  witness: { readonly snapshot: Snapshot; readonly container?: Container | undefined },
  trustedKey?: string,
): readonly Check[] {
  const check = { id: "manifest", title: "The manifest is as it was written", source: "manifest" };
  const expected = trustedKey === undefined ? "as its signature says" : `signed by ${trustedKey}`;
  if (manifest === undefined) {
    if (trustedKey === undefined) return [];
    return [{ ...check, verdict: "fail", expected, found: "no manifest beside the file" }];
  }
  const problems = manifestProblems(manifest, { ...witness, trustedKey }).filter(
    ({ field }) => !CHECKED_APART.includes(field),
  );
  if (problems.length > 0) {
    const found = problems.map(({ field }) => field).join(", ");
    const reason = problems.map(({ field, problem }) => `${field} ${problem}`).join("; ");
    return [{ ...check, verdict: "fail", expected, found, reason }];
  }
  if (manifest.seal === undefined) return [];
  return [{ ...check, verdict: "pass", expected, found: `signed by ${manifest.seal.keySha256}` }];
}

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

/**
 * Authentication is on or off as it was, with the same users, roles and grants, and nobody changed any of it since: etcd
 * tells no password, but counts every change.
 */
export function authCheck(snapshot: Snapshot, { auth }: ServerFacts, inUse: boolean): Check {
  const check = { id: "auth", title: "Authentication, users, roles", source: "file" };
  const expected = authText(snapshot.auth);
  if ("refused" in auth) {
    return notChecked(check, auth.refused, expected);
  }
  // Root may do everything, whatever is stored for it, and etcd answers with that (`authStore.RoleGet`).
  const stored = { ...snapshot.auth.permissionsOf, root: auth.value.permissionsOf.root ?? [] };
  const changes = [
    ...namesThatDiffer("user", snapshot.auth.users, auth.value.users),
    ...namesThatDiffer("role", snapshot.auth.roles, auth.value.roles),
    ...grantsThatDiffer("user", "roles", snapshot.auth.rolesOf, auth.value.rolesOf),
    ...grantsThatDiffer("role", "permissions", stored, auth.value.permissionsOf),
  ];
  const found = authText(auth.value);
  if (changes.length > 0) {
    const more = changes.length > NAMED ? ` and ${changes.length - NAMED} more` : "";
    const reason = `${changes.slice(0, NAMED).join(", ")}${more}`;
    return { ...check, verdict: "fail", expected, found, reason };
  }
  // etcd counts from 1, and begins to where nothing is stored (`NewAuthStore`).
  const [then, now] = [Math.max(1, snapshot.authRevision), auth.value.revision];
  if (expected !== found || now === undefined || now === then) {
    return same(check, expected, found);
  }
  const reason = inUse
    ? IN_USE
    : "users, passwords, roles or grants were changed after the backup; names and grants are the same again, so look at the passwords";
  const told = {
    expected: `${expected}, auth revision ${then}`,
    found: `${found}, auth revision ${now}`,
  };
  return { ...check, verdict: inUse ? "explained" : "fail", ...told, reason };
}

/** How many users and roles a reason names. */
const NAMED = 5;

function authText({ enabled, users, roles }: Pick<Auth, "enabled" | "users" | "roles">): string {
  const who = [
    ...(users.length > 0 ? [counted(users.length, "user")] : []),
    ...(roles.length > 0 ? [counted(roles.length, "role")] : []),
  ];
  return [enabled ? "on" : "off", ...who].join(", ");
}

function namesThatDiffer(
  what: string,
  expected: readonly string[],
  found: readonly string[],
): readonly string[] {
  const name = (text: string) => printableKey(Buffer.from(text));
  // Sets, because there may be a million of them.
  const [before, now] = [new Set(expected), new Set(found)];
  return [
    ...expected.filter((each) => !now.has(each)).map((each) => `${what} ${name(each)} missing`),
    ...found.filter((each) => !before.has(each)).map((each) => `${what} ${name(each)} extra`),
  ];
}

/** Of those who are on both sides. */
function grantsThatDiffer(
  what: string,
  kind: string,
  expected: Readonly<Record<string, readonly string[]>>,
  found: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const there = new Map(Object.entries(found));
  return Object.entries(expected)
    .filter(([name, grants]) => (there.get(name) ?? grants).join() !== grants.join())
    .map(([name]) => `${what} ${printableKey(Buffer.from(name))} has other ${kind}`);
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
