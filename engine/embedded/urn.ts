/** Pulumi's names for resources: `urn:pulumi:STACK::PROJECT::PARENT-TYPE$TYPE::NAME`. */

export const STACK_TYPE = "pulumi:pulumi:Stack";
const PROVIDER_TYPE = "pulumi:providers:";

export interface StackIdentity {
  readonly project: string;
  readonly stack: string;
}

/** URN of a resource; the types of its parents up to the stack are part of it. */
export function urnOf(
  { stack, project }: StackIdentity,
  parent: string,
  type: string,
  name: string,
): string {
  const parentTypes = parent === "" ? "" : (parent.split("::")[2] ?? "");
  const prefix = parentTypes === "" || parentTypes === STACK_TYPE ? "" : `${parentTypes}$`;
  return `urn:pulumi:${stack}::${project}::${prefix}${type}::${name}`;
}

export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

export function typeOf(urn: string): string {
  const types = urn.split("::")[2] ?? "";
  return types.slice(types.lastIndexOf("$") + 1);
}

/** `command:local:Command restore`: how messages call a resource. */
export function titleOf(urn: string): string {
  return `${typeOf(urn)} ${nameOf(urn)}`;
}

export function isProviderType(type: string): boolean {
  return type.startsWith(PROVIDER_TYPE);
}

/** URN of the provider that Pulumi makes up for a package when the program names none. */
export function defaultProviderUrn(
  { stack, project }: StackIdentity,
  packageName: string,
  version: string,
): string {
  const suffix = version === "" ? "" : `_${version.replace(/[^A-Za-z0-9]/g, "_")}`;
  return `urn:pulumi:${stack}::${project}::${PROVIDER_TYPE}${packageName}::default${suffix}`;
}

export function isDefaultProvider(urn: string): boolean {
  return isProviderType(typeOf(urn)) && /^default(_|$)/.test(nameOf(urn));
}
