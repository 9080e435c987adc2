/** Whether authentication, its users, roles and grants came back, from what the server tells of them. */
import type { Check } from "../report/report";
import type { Auth } from "../snapshot/auth";
import type { Snapshot } from "../snapshot/types";
import { counted } from "../wire/figures";
import { printableKey } from "../wire/keys";
import { notChecked, same } from "./check-words";
import { IN_USE } from "./lease-checks";
import type { ServerFacts } from "./server-facts";

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
