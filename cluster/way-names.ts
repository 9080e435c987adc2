/** The ways to an etcd in a pod, in the order in which they are tried. */
export const WAYS = ["port-forward", "exec", "node"] as const;
export type WayName = (typeof WAYS)[number];
