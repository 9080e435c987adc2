/** Where an etcd VM is reached: made before the VM, so that certificates and settings can name it. */
import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import { ownerDescription, ownerTags } from "../owner";

interface AddressArgs {
  readonly networkId: pulumi.Input<string>;
  readonly subnetId?: pulumi.Input<string> | undefined;
  readonly securityGroupId: pulumi.Input<string>;
  readonly floatingIpPool?: pulumi.Input<string> | undefined;
}

/** A port, and what it is reached by. */
export interface VmAddress {
  readonly portId: pulumi.Output<string>;
  /** The floating IP, or else the port's own address. */
  readonly address: pulumi.Output<string>;
  /** The port's own address, by which its network reaches it. */
  readonly own: pulumi.Output<string>;
  /** That one and all of the port's own. */
  readonly addresses: pulumi.Output<string[]>;
  /** What must be there before a server uses the port: its way out must not change while it boots. */
  readonly ready: readonly pulumi.Resource[];
}

/** Makes the port of a VM and, if there is a pool, a floating IP that leads to it. */
export function makeAddress(
  name: string,
  args: AddressArgs,
  opts: pulumi.CustomResourceOptions,
): VmAddress {
  const tags = ownerTags();
  const port = new openstack.networking.Port(
    `${name}-port`,
    {
      networkId: args.networkId,
      ...(args.subnetId === undefined ? {} : { fixedIps: [{ subnetId: args.subnetId }] }),
      securityGroupIds: [args.securityGroupId],
      description: ownerDescription("port of one etcd"),
      tags,
    },
    opts,
  );
  const own = port.allFixedIps;
  if (args.floatingIpPool === undefined) {
    const address = own.apply(firstIPv4);
    return { portId: port.id, address, own: address, addresses: own, ready: [] };
  }
  const floating = new openstack.networking.FloatingIp(
    `${name}-floating-ip`,
    { pool: args.floatingIpPool, description: ownerDescription("address of one etcd"), tags },
    opts,
  );
  const association = new openstack.networking.FloatingIpAssociate(
    `${name}-floating-ip-association`,
    { floatingIp: floating.address, portId: port.id },
    opts,
  );
  return {
    portId: port.id,
    address: floating.address,
    own: own.apply(firstIPv4),
    addresses: pulumi.all([floating.address, own]).apply(([first, rest]) => [first, ...rest]),
    ready: [association],
  };
}

/** A port has an IPv4 and an IPv6 address where its network has both. */
function firstIPv4(addresses: readonly string[]): string {
  const address = addresses.find((candidate) => candidate.includes(".")) ?? addresses[0];
  if (address === undefined) {
    throw new pulumi.RunError(
      "OpenStack gave the port no address: does the network have a subnet?",
    );
  }
  return address;
}
