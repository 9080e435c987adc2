/** Users, roles and what they may do: `authpb` in the store, and the same messages in answers of etcd's API. */
import type { Entry } from "./buckets";
import { permissions, roleNames } from "../wire/auth";
import {
  bytesField,
  bytesFields,
  knownFields,
  unsignedField,
  type ReadField,
} from "../wire/protobuf";
import { readCounter, readFlag, readText } from "./stored-values";

/** The authentication that a store brings along. Never a password's hash. */
export interface Auth {
  readonly enabled: boolean;
  /** Names. */
  readonly users: readonly string[];
  readonly roles: readonly string[];
  /** The user root was made with `--no-password`: only a client certificate of that name comes in as root. */
  readonly rootWithoutPassword?: boolean;
  /** The roles of each user, sorted. */
  readonly rolesOf: Readonly<Record<string, readonly string[]>>;
  /** What each role may do with which keys, as `permissionText` words it, sorted. */
  readonly permissionsOf: Readonly<Record<string, readonly string[]>>;
}

/** The authentication of a file, and its revision, by which a server tells that something of it was changed. */
export interface StoredAuth {
  readonly auth: Auth;
  readonly authRevision: number;
}

/** Takes in the buckets `auth`, `authUsers` and `authRoles`, entry by entry. */
export interface AuthCollector {
  readonly auth: (entry: Entry) => void;
  readonly authUsers: (entry: Entry) => void;
  readonly authRoles: (entry: Entry) => void;
  result(): StoredAuth;
}

export function createAuthCollector(): AuthCollector {
  let enabled = false;
  let authRevision = 0;
  let rootWithoutPassword = false;
  const users = new Map<string, readonly string[]>();
  const roles = new Map<string, readonly string[]>();
  // A million users have a handful of sets of roles.
  const known = new Map<string, readonly string[]>();
  const once = (names: readonly string[]) => {
    const together = names.join("\0");
    const same = known.get(together) ?? names;
    known.set(together, same);
    return same;
  };
  return {
    auth({ key, value }) {
      const name = key.toString("latin1");
      if (name === "authEnabled") enabled = readFlag(value);
      else if (name === "authRevision") authRevision = readCounter(value);
      else throw new RangeError("etcd keeps nothing by this name here");
    },
    // `User`: name 1, password 2, roles 3, options 4.
    authUsers(entry) {
      const fields = knownFields(entry.value, {
        1: "bytes",
        2: "bytes",
        3: "repeated",
        4: "bytes",
      });
      // `UserAddOptions`: no_password 1.
      const options = knownFields(bytesField(fields, 4), { 1: "number" });
      for (const role of bytesFields(fields, 3)) readText(role);
      const name = nameOf(entry, fields);
      if (name === "root") rootWithoutPassword = unsignedField(options, 1) === 1n;
      users.set(name, once(roleNames(fields, 3)));
    },
    // `Role`: name 1, keyPermission 2.
    authRoles(entry) {
      const fields = knownFields(entry.value, { 1: "bytes", 2: "repeated" });
      for (const permission of bytesFields(fields, 2)) {
        knownFields(permission, { 1: "number", 2: "bytes", 3: "bytes" });
      }
      roles.set(nameOf(entry, fields), permissions(fields));
    },
    result: () => ({
      auth: {
        enabled,
        users: [...users.keys()],
        roles: [...roles.keys()],
        ...(rootWithoutPassword ? { rootWithoutPassword } : {}),
        rolesOf: Object.fromEntries(users),
        permissionsOf: Object.fromEntries(roles),
      },
      authRevision,
    }),
  };
}

/** A user's or role's name stands in the key and in the value; etcd finds it by the one and lists it by the other. */
function nameOf({ key }: Entry, fields: readonly ReadField[]): string {
  const name = bytesField(fields, 1);
  if (!name.equals(key) || key.length === 0) {
    throw new RangeError("the name in it is not that of its key");
  }
  return readText(key);
}
