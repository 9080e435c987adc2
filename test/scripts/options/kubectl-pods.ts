/** The pods that the stand-in for kubectl tells of: one whose certificates are on its node, and one of the events without TLS. */
import { exercise, kops } from "../../cluster/pod-samples";

export function etcdPods(): object {
  return { apiVersion: "v1", kind: "List", items: [kops("main"), exercise("events")] };
}
