/** Users, roles and what they may do: `authpb` in the store, and the same messages in answers of etcd's API. */
import type { Entry } from "./buckets";
import { permissions, roleNames } from "../wire/auth";
import { readFields, type ReadField } from "../wire/protobuf";

/** The authentication that a store brings along. Never a password's hash. */
export interface Auth {
  readonly enabled: boolean;
  /** Names. */
  readonly users: readonly string[];
  readonly roles: readonly string[];
  /** The roles of each user, sorted. */
  readonly rolesOf: Readonly<Record<string, readonly string[]>>;
  /** What each role may do with which keys, as `permissionText` words it, sorted. */
  readonly permissionsOf: Readonly<Record<string, readonly string[]>>;
}

/** Reads the buckets `auth`, `authUsers` and `authRoles`, each entry of one by the function given with it. */
export function readAuth(
  each: <T>(bucket: string, read: (entry: Entry) => T) => readonly T[],
): Auth {
  const named = <T>(bucket: string, read: (fields: readonly ReadField[]) => T) =>
    each(bucket, ({ key, value }) => [key.toString(), read([...readFields(value)])] as const);
  // `User`: name 1, password 2, roles 3.
  const users = named("authUsers", (user) => roleNames(user, 3));
  const roles = named("authRoles", permissions);
  const flags = each("auth", ({ key, value }) => [key.toString(), value[0]] as const);
  return {
    enabled: new Map(flags).get("authEnabled") === 1,
    users: users.map(([name]) => name),
    roles: roles.map(([name]) => name),
    rolesOf: Object.fromEntries(users),
    permissionsOf: Object.fromEntries(roles),
  };
}
