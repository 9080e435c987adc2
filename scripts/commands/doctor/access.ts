/** Who may reach the VM, and whether this computer is among them. */
import * as net from "node:net";
import { reach } from "../../../machine/ssh/reach";
import {
  fail,
  notChecked,
  pass,
  problemsWith,
  sealedAmong,
  type Check,
  type CloudSubject,
} from "./check";

const CONNECT_MS = 5000;

/**
 * Ports are open to nobody but `sshCidrs` and `clientCidrs`.
 *
 * @param cloud where this computer reaches the cloud, to see by which of its addresses; undefined when it does not
 */
export async function accessCheck(subject: CloudSubject, cloud: URL | undefined): Promise<Check> {
  const [id, title] = ["access", "Who may come in"] as const;
  const closed = sealedAmong(subject, "sshCidrs", "clientCidrs", "allowPublicAccess");
  if (closed !== undefined) return notChecked(id, title, closed);
  const problems = problemsWith(subject, "sshCidrs", "clientCidrs");
  const mend =
    "set sshCidrs and clientCidrs to the networks that this computer and etcd's users come from";
  if (problems.length > 0) return fail(id, title, problems.join("; "), mend);
  const { sshCidrs: ssh, clientCidrs: client, bastion } = subject.settings;
  const found = `SSH: ${ssh.join(", ")}; etcd: ${client.join(", ")}`;
  const own = cloud === undefined ? undefined : await ownAddress(cloud);
  // Where the bastion's settings cannot be read, or not all, there is one.
  const leads = bastion !== undefined || sealedAmong(subject, "bastion") !== undefined;
  if (own === undefined || leads) return pass(id, title, found);
  if (holds(ssh, own)) return pass(id, title, `${found}; this computer is ${own}`);
  return notChecked(
    id,
    title,
    `${found}; this computer is ${own}, which SSH is closed to, unless the cloud sees another address of it (NAT)`,
  );
}

/** By which address this computer reaches a server; undefined when it does not. */
function ownAddress({ hostname, port, protocol }: URL): Promise<string | undefined> {
  return reach(hostname, Number(port) || (protocol === "https:" ? 443 : 80), CONNECT_MS);
}

function holds(cidrs: readonly string[], address: string): boolean {
  const list = new net.BlockList();
  for (const cidr of cidrs) {
    const [network = "", prefix = ""] = cidr.split("/");
    list.addSubnet(network, Number(prefix), net.isIPv6(network) ? "ipv6" : "ipv4");
  }
  return list.check(address, net.isIPv6(address) ? "ipv6" : "ipv4");
}
