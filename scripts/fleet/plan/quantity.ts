/** Memory and disk as a Kubernetes manifest asks for them (kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity). */

const MIB = 2 ** 20;

/** The next whole MiB, in bytes: part of a byte is no quantity, and so there is one number for all who read it. */
export function wholeMiB(bytes: number): number {
  return Math.ceil(bytes / MIB) * MIB;
}

/** `1742Mi` for so many bytes, rounded up. */
export function quantity(bytes: number): string {
  return `${Math.ceil(bytes / MIB)}Mi`;
}
