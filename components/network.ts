import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import { cidrName, parseCidr, parseCidrs, CidrError, type Cidr } from "../machine/cidr";
import { findNetwork } from "./vm/cloud-lookups";
import { ownerDescription, ownerTags } from "./owner";

export interface NetworkArgs {
  /** Networks that may reach SSH (22); one at least, or nothing can be restored. Behind a bastion: the bastion's. */
  readonly sshCidrs: readonly string[];
  /** Networks that may reach etcd's client port. Empty: only through SSH. */
  readonly clientCidrs: readonly string[];
  /** Lets a CIDR stand for the internet. @default false - `0.0.0.0/0`, `::/0` and networks nearly as wide are refused */
  readonly allowPublicAccess?: boolean;
  /** @default 2379 */
  readonly clientPort?: number;
  /** Port at which the members of one cluster reach each other, and nobody else does. @default closed */
  readonly peerPort?: number | undefined;
  /** Name or id of the network outside: where the router leads and floating IPs come from. @default none - needs `network` */
  readonly externalNetwork?: string | undefined;
  /** Name or id of a network to use; its subnet and its router are its owner's. @default a network is made */
  readonly network?: string | undefined;
  /** Addresses of the network that is made. @default 10.77.0.0/24 */
  readonly subnetCidr?: string;
  /** For clouds whose DHCP names none. @default the cloud's */
  readonly dnsNameservers?: readonly string[];
}

const SSH_PORT = 22;
const FAMILIES = ["IPv4", "IPv6"] as const;

/**
 * The network of one etcd VM, and who may come in: SSH and etcd's client port for the networks named, nobody else.
 *
 * Makes a network, a subnet and a router, unless it is given a network. There is no rule for etcd's peer port unless
 * there are several members: an etcd that is alone has no peers.
 *
 * @example
 * ```ts
 * import { Network } from "etcd-restore";
 *
 * const network = new Network("lab", {
 *   sshCidrs: ["203.0.113.7/32"],
 *   clientCidrs: ["203.0.113.0/24"],
 *   externalNetwork: "public",
 * });
 * export const { networkId } = network;
 * ```
 */
export class Network extends pulumi.ComponentResource {
  public readonly networkId: pulumi.Output<string>;
  /** Known once there is a way out of it; undefined on a network that was given. */
  public readonly subnetId: pulumi.Output<string> | undefined;
  /** Known once the way out is open. */
  public readonly securityGroupId: pulumi.Output<string>;
  /** Name of the external network, as floating IPs want it; undefined without one. */
  public readonly floatingIpPool: pulumi.Output<string> | undefined;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    const { sshCidrs, clientCidrs, subnetCidr } = checkedArgs(args);
    super("etcd-restore:index:Network", name, {}, opts);

    const external =
      args.externalNetwork === undefined
        ? undefined
        : pulumi.output(findNetwork("externalNetwork", args.externalNetwork));
    this.floatingIpPool = external?.name;

    if (args.network !== undefined) {
      this.networkId = pulumi.output(findNetwork("network", args.network)).id;
      this.subnetId = undefined;
    } else {
      const made = this.makeNetwork(name, subnetCidr, args.dnsNameservers ?? [], external?.id);
      this.networkId = made.networkId;
      this.subnetId = made.subnetId;
    }
    this.securityGroupId = this.makeSecurityGroup(name, sshCidrs, clientCidrs, {
      client: args.clientPort ?? 2379,
      peer: args.peerPort,
    });

    this.registerOutputs({
      networkId: this.networkId,
      subnetId: this.subnetId,
      securityGroupId: this.securityGroupId,
      floatingIpPool: this.floatingIpPool,
    });
  }

  private makeNetwork(
    name: string,
    cidr: string,
    dnsNameservers: readonly string[],
    externalNetworkId: pulumi.Input<string> | undefined,
  ): { networkId: pulumi.Output<string>; subnetId: pulumi.Output<string> } {
    const tags = ownerTags();
    const network = new openstack.networking.Network(
      `${name}-network`,
      { description: ownerDescription("network of one etcd"), tags },
      { parent: this },
    );
    const subnet = new openstack.networking.Subnet(
      `${name}-subnet`,
      {
        networkId: network.id,
        cidr,
        ipVersion: 4,
        tags,
        ...(dnsNameservers.length === 0 ? {} : { dnsNameservers: [...dnsNameservers] }),
      },
      { parent: this },
    );
    if (externalNetworkId === undefined) return { networkId: network.id, subnetId: subnet.id };
    const router = new openstack.networking.Router(
      `${name}-router`,
      { externalNetworkId, description: ownerDescription("way out of one etcd's network"), tags },
      { parent: this },
    );
    const wayOut = new openstack.networking.RouterInterface(
      `${name}-router-interface`,
      { routerId: router.id, subnetId: subnet.id },
      { parent: this },
    );
    // Whoever takes the subnet's id comes after the way out, and goes before it: a floating IP needs it, and so does
    // a server that fetches etcd while it boots.
    const subnetId = pulumi.all([subnet.id, wayOut.id]).apply(([id]) => id);
    return { networkId: network.id, subnetId };
  }

  private makeSecurityGroup(
    name: string,
    sshCidrs: readonly Cidr[],
    clientCidrs: readonly Cidr[],
    ports: { readonly client: number; readonly peer: number | undefined },
  ): pulumi.Output<string> {
    const group = new openstack.networking.SecGroup(
      `${name}-security-group`,
      {
        description: ownerDescription("who may reach one etcd"),
        deleteDefaultRules: true, // they differ from cloud to cloud; what is needed stands below
        tags: ownerTags(),
      },
      { parent: this },
    );
    const rule = (
      ruleName: string,
      args: Omit<openstack.networking.SecGroupRuleArgs, "securityGroupId">,
    ) =>
      new openstack.networking.SecGroupRule(
        `${name}-${ruleName}`,
        { ...args, securityGroupId: group.id },
        { parent: this },
      );
    const open = (what: string, port: number, cidr: Cidr) =>
      rule(`${what}-${cidrName(cidr)}`, {
        direction: "ingress",
        ethertype: `IPv${cidr.family}`,
        protocol: "tcp",
        portRangeMin: port,
        portRangeMax: port,
        remoteIpPrefix: cidr.text,
      });
    for (const cidr of sshCidrs) open("ssh", SSH_PORT, cidr);
    for (const cidr of clientCidrs) open("client", ports.client, cidr);
    const { peer } = ports;
    const peers =
      peer === undefined
        ? []
        : FAMILIES.map((ethertype) =>
            rule(`peers-${ethertype.toLowerCase()}`, {
              ...{ direction: "ingress", ethertype, protocol: "tcp" },
              ...{ portRangeMin: peer, portRangeMax: peer },
              remoteGroupId: group.id, // whoever is in it, and nobody else
            }),
          );
    const out = FAMILIES.map((ethertype) =>
      rule(`out-${ethertype.toLowerCase()}`, { direction: "egress", ethertype }),
    );
    const ids = [...peers, ...out].map(({ id }) => id);
    return pulumi.all([group.id, pulumi.all(ids)]).apply(([id]) => id);
  }
}

/** Checks what is plain, and says everything that is wrong at once. */
function checkedArgs(args: NetworkArgs): {
  readonly sshCidrs: readonly Cidr[];
  readonly clientCidrs: readonly Cidr[];
  readonly subnetCidr: string;
} {
  const problems: string[] = [];
  const attempt = <T>(fallback: T, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof CidrError)) throw error;
      problems.push(error.message);
      return fallback;
    }
  };
  const allow = args.allowPublicAccess ?? false;
  const checked = {
    sshCidrs: attempt([], () => parseCidrs("sshCidrs", args.sshCidrs, allow)),
    clientCidrs: attempt([], () => parseCidrs("clientCidrs", args.clientCidrs, allow)),
    subnetCidr: attempt("", () => parseCidr(args.subnetCidr ?? "10.77.0.0/24").text),
  };
  if (args.sshCidrs.length === 0) {
    problems.push(
      "sshCidrs is empty; name the network that this computer (or the bastion) comes from, for nothing can be restored otherwise",
    );
  }
  if (args.network === undefined && args.externalNetwork === undefined) {
    problems.push(
      "externalNetwork is not set; `openstack network list --external` shows what there is (or set network to one that is there)",
    );
  }
  const port = args.clientPort ?? 2379;
  if (!Number.isInteger(port) || port < 1 || port > 65535 || port === SSH_PORT) {
    problems.push(`clientPort is ${port}; 1 to 65535 are allowed, but not ${SSH_PORT}`);
  }
  if (problems.length > 0) throw new pulumi.RunError(problems.join("\n"));
  return checked;
}
