/** What etcd tells of its users, roles and grants. Passwords it tells nobody. */
import { permissions, roleNames } from "../wire/auth";
import { bytesFields, encodeMessage, type ReadField, unsignedField } from "../wire/protobuf";
import { NOTHING, type Caller } from "./caller";
import { EtcdError } from "./etcd-error";

export interface AuthStatus {
  readonly enabled: boolean;
  /** Grows with every change to users, passwords, roles and grants; undefined from etcd before 3.5, which does not say. */
  readonly revision: number | undefined;
}

/** Questions about users, roles and grants. Each throws `EtcdError`. */
export interface AuthCalls {
  authStatus(): Promise<AuthStatus>;
  /** Names of all users, and of all roles; with authentication on only the role root may ask. */
  users(): Promise<readonly string[]>;
  roles(): Promise<readonly string[]>;
  /** The roles of a user, and the permissions of a role, worded as in a snapshot. */
  rolesOf(user: string): Promise<readonly string[]>;
  permissionsOf(role: string): Promise<readonly string[]>;
}

export function authCalls(caller: Caller): AuthCalls {
  return {
    async authStatus() {
      try {
        const fields = await caller.ask("etcdserverpb.Auth/AuthStatus", NOTHING);
        return {
          enabled: unsignedField(fields, 2) === 1n,
          revision: Number(unsignedField(fields, 3)),
        };
      } catch (error) {
        if (error instanceof EtcdError && error.status === "UNIMPLEMENTED") {
          return { enabled: await givesTokens(caller), revision: undefined };
        }
        throw error;
      }
    },
    users: async () => names(await caller.ask("etcdserverpb.Auth/UserList", NOTHING)),
    roles: async () => names(await caller.ask("etcdserverpb.Auth/RoleList", NOTHING)),
    async rolesOf(user) {
      const request = encodeMessage([[1, user]]);
      return roleNames(await caller.ask("etcdserverpb.Auth/UserGet", request), 2);
    },
    async permissionsOf(role) {
      const request = encodeMessage([[1, role]]);
      return permissions(await caller.ask("etcdserverpb.Auth/RoleGet", request));
    },
  };
}

/** Before 3.5 etcd tells whether authentication is on only by whether there is a token to be had, or a refusal. */
async function givesTokens(caller: Caller): Promise<boolean> {
  try {
    return await caller.givesTokens();
  } catch (error) {
    if (error instanceof EtcdError && error.kind === "denied") return true;
    throw error;
  }
}

/** Of `AuthUserListResponse` and `AuthRoleListResponse`. */
function names(fields: readonly ReadField[]): readonly string[] {
  return bytesFields(fields, 2).map((name) => name.toString());
}
