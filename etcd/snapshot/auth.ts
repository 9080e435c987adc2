/** Users, roles and what they may do: `authpb` in the store, and the same messages in answers of etcd's API. */
import type { Entry } from "./buckets";
import {
  bytesField,
  bytesFields,
  readFields,
  unsignedField,
  type ReadField,
} from "../wire/protobuf";

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

/** Of a `User` (field 3) or an `AuthUserGetResponse` (field 2), sorted. */
export function roleNames(fields: readonly ReadField[], field: number): readonly string[] {
  return bytesFields(fields, field)
    .map((name) => name.toString())
    .sort();
}

/** Of a `Role` (name 1, keyPermission 2) or an `AuthRoleGetResponse`, which have them in the same field; sorted. */
export function permissions(fields: readonly ReadField[]): readonly string[] {
  return bytesFields(fields, 2).map(permissionText).sort();
}

/** `Permission`: permType 1 (READ 0, WRITE 1, READWRITE 2), key 2, range_end 3. A range in hex: keys are any bytes. */
function permissionText(permission: Buffer): string {
  const fields = [...readFields(permission)];
  const type = Number(unsignedField(fields, 1));
  const verb = ["read", "write", "readwrite"][type] ?? `type ${type}`;
  const end = bytesField(fields, 3).toString("hex");
  return `${verb} ${bytesField(fields, 2).toString("hex")}${end === "" ? "" : `-${end}`}`;
}
