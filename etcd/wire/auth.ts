/** What `authpb` says of users and roles, the same in the store and in answers of etcd's API. */
import { bytesField, bytesFields, readFields, unsignedField, type ReadField } from "./protobuf";

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
