/** Ranges that an API server must be told as the cluster's own was: it refuses to start on a store with others. */
import type { JsonObject } from "../etcd/kubernetes/json";
import type { KeyReader } from "../etcd/snapshot/types";
import { decoded, listIn, objectIn, textIn } from "./members";

export interface ServerRanges {
  /** CIDR, or two of them. */
  readonly clusterIps: string;
  /** `30000-32767` */
  readonly nodePorts: string;
}

const DEFAULT: ServerRanges = { clusterIps: "10.0.0.0/24", nodePorts: "30000-32767" };

/**
 * The ranges that a store tells: allocations of before Kubernetes 1.33 (`ranges/serviceips`), the default ServiceCIDR,
 * else around the address of the service `kubernetes`.
 */
export function rangesOf(live: KeyReader, root: string): ServerRanges {
  const at = (name: string) => objectAt(live, `${root}/${name}`);
  const allocated = ["ranges/serviceips", "ranges/secondaryserviceips"]
    .map((name) => textIn(at(name), "range"))
    .filter(isCidr);
  const cidrs = listIn(objectIn(at("servicecidrs/kubernetes"), "spec"), "cidrs");
  const served = cidrs.filter((cidr) => typeof cidr === "string").filter(isCidr);
  const address = textIn(objectIn(at("services/specs/default/kubernetes"), "spec"), "clusterIP");
  const around = [around24(address)].filter(isCidr);
  const [found = [DEFAULT.clusterIps]] = [allocated, served, around].filter(
    (each) => each.length > 0,
  );
  return {
    clusterIps: found.join(","),
    nodePorts: portsOf(textIn(at("ranges/servicenodeports"), "range")),
  };
}

/** The smallest usual range around the first address of a range. */
function around24(address: string): string {
  return address.includes(":")
    ? `${address.replace(/[0-9a-f]*$/i, "")}/112`
    : `${address.replace(/\d+$/, "0")}/24`;
}

function isCidr(range: string): boolean {
  return /^[0-9a-f.:]+\/\d{1,3}$/i.test(range);
}

function portsOf(range: string): string {
  return /^\d+-\d+$/.test(range) ? range : DEFAULT.nodePorts;
}

function objectAt(live: KeyReader, key: string): JsonObject {
  const index = live.indexOf(Buffer.from(key));
  return (index < 0 ? undefined : decoded(live.value(index))) ?? {};
}
