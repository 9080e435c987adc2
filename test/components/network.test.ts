import * as openstack from "@pulumi/openstack";
import { describe, expect, it } from "vitest";
import { Network, type NetworkArgs } from "../../components/network";
import { mockEngine, valueOf, type MockEngineOptions } from "../support/mock-engine";

const EXTERNAL = "0f0e5a7c-3a45-4b7a-9a3f-000000000001";
const lookups: NonNullable<MockEngineOptions["lookups"]> = {
  "openstack:networking/getNetwork:getNetwork": ({ name, networkId }) => ({
    id: networkId ?? EXTERNAL,
    name: name ?? "public",
  }),
};
const args: NetworkArgs = {
  sshCidrs: ["203.0.113.7/32"],
  clientCidrs: ["203.0.113.0/24", "2001:db8::/32"],
  externalNetwork: "public",
};
const RULE = "openstack:networking/secGroupRule:SecGroupRule";

async function made(change: Partial<NetworkArgs> = {}, names = ["lab"]) {
  const engine = await mockEngine({ lookups });
  const networks = names.map((name) => new Network(name, { ...args, ...change }));
  await engine.settled();
  return { engine, network: networks[0] };
}

describe("Network", () => {
  it("opens SSH and the client port to the networks named, the way out, and nothing else", async () => {
    const { engine } = await made();
    const rules = engine.ofType(RULE).map(({ name, inputs }) => ({ name, ...inputs }));
    const tcp = (port: number) => ({
      direction: "ingress",
      protocol: "tcp",
      portRangeMin: port,
      portRangeMax: port,
    });
    const group = { securityGroupId: "lab-security-group-id" };
    expect(rules).toHaveLength(5);
    expect(rules).toEqual(
      expect.arrayContaining([
        {
          name: "lab-ssh-203.0.113.7/32",
          ...group,
          ...tcp(22),
          ethertype: "IPv4",
          remoteIpPrefix: "203.0.113.7/32",
        },
        {
          name: "lab-client-203.0.113.0/24",
          ...group,
          ...tcp(2379),
          ethertype: "IPv4",
          remoteIpPrefix: "203.0.113.0/24",
        },
        {
          name: "lab-client-2001-db8--/32",
          ...group,
          ...tcp(2379),
          ethertype: "IPv6",
          remoteIpPrefix: "2001:db8::/32",
        },
        { name: "lab-out-ipv4", ...group, direction: "egress", ethertype: "IPv4" },
        { name: "lab-out-ipv6", ...group, direction: "egress", ethertype: "IPv6" },
      ]),
    );
    expect(engine.named("lab-security-group").inputs).toMatchObject({ deleteDefaultRules: true });
  });

  it("has no rule that covers the peer port", async () => {
    const { engine } = await made();
    for (const { name, inputs } of engine.ofType(RULE)) {
      const { direction, portRangeMin, portRangeMax } = inputs as Record<string, unknown>;
      if (direction === "egress") continue;
      expect(portRangeMin, name).toBe(portRangeMax);
      expect(portRangeMin, name).not.toBe(2380);
    }
  });

  it("keeps the other rules' names when a network is added before them", async () => {
    const names = async (clientCidrs: string[]) =>
      (await made({ clientCidrs })).engine.ofType(RULE).map(({ name }) => name);
    const before = await names(["203.0.113.0/24"]);
    const after = await names(["198.51.100.0/24", "203.0.113.0/24"]);
    expect(after.filter((name) => !before.includes(name))).toEqual(["lab-client-198.51.100.0/24"]);
    expect(before.filter((name) => !after.includes(name))).toEqual([]);
  });

  it("makes a network with a subnet and a router to the outside, all of them its own children", async () => {
    const { engine } = await made();
    const chain = (type: string) => `etcd-restore:index:Network$openstack:networking/${type}`;
    expect(
      engine.registered
        .filter(({ type }) => type !== RULE)
        .map(({ name, typeChain }) => [name, typeChain]),
    ).toEqual(
      expect.arrayContaining([
        ["lab-network", chain("network:Network")],
        ["lab-subnet", chain("subnet:Subnet")],
        ["lab-router", chain("router:Router")],
        ["lab-router-interface", chain("routerInterface:RouterInterface")],
        ["lab-security-group", chain("secGroup:SecGroup")],
      ]),
    );
    expect(engine.named("lab-router").inputs).toMatchObject({ externalNetworkId: EXTERNAL });
    expect(engine.named("lab-subnet").inputs).toMatchObject({
      cidr: "10.77.0.0/24",
      networkId: "lab-network-id",
    });
    expect(engine.named("lab-network").inputs).toMatchObject({
      tags: ["etcd-restore", "stack=test"],
    });
    expect(engine.registered).toHaveLength(1 + 5 + 5);
  });

  it("gives the subnet out only once the router is there, and the group once the way out is open", async () => {
    const engine = await mockEngine({ lookups });
    const network = new Network("lab", args);
    const probe = new openstack.networking.Port("probe", {
      networkId: network.networkId,
      fixedIps: [{ subnetId: network.subnetId ?? expect.fail() }],
    });
    const server = new openstack.networking.Port("server", {
      networkId: network.networkId,
      securityGroupIds: [network.securityGroupId],
    });
    await Promise.all([valueOf(probe.id), valueOf(server.id)]);
    await engine.settled();
    expect(engine.named("probe").options.dependencies).toContain("lab-router-interface");
    const before = engine.named("server").options.dependencies;
    expect(before).toEqual(expect.arrayContaining(["lab-out-ipv4", "lab-out-ipv6"]));
    // Or another client network would be a change to the server's port.
    expect(before.filter((name) => /-(client|ssh)-/.test(name))).toEqual([]);
  });

  it("names no physical names, so that a replacement can stand beside what it replaces", async () => {
    const { engine } = await made();
    for (const { name, inputs } of engine.registered)
      expect(inputs, name).not.toHaveProperty("name");
  });

  it("gives out its ids and the pool's name", async () => {
    const { network } = await made({ externalNetwork: EXTERNAL });
    if (network === undefined) throw new Error("no network");
    expect(await valueOf(network.networkId)).toBe("lab-network-id");
    expect(await valueOf(network.subnetId ?? expect.fail())).toBe("lab-subnet-id");
    expect(await valueOf(network.securityGroupId)).toBe("lab-security-group-id");
    expect(await valueOf(network.floatingIpPool ?? expect.fail())).toBe("public");
  });

  it("uses a network that is there: nothing but the security group is made", async () => {
    const { engine, network } = await made({ network: "tenant" });
    expect(engine.registered.map(({ type }) => type).filter((type) => type !== RULE)).toEqual([
      "etcd-restore:index:Network",
      "openstack:networking/secGroup:SecGroup",
    ]);
    expect(network?.subnetId).toBeUndefined();
  });

  it("opens the client port that is set", async () => {
    const { engine } = await made({ clientPort: 12379 });
    expect(engine.named("lab-client-203.0.113.0/24").inputs).toMatchObject({
      portRangeMin: 12379,
      portRangeMax: 12379,
    });
  });

  it("twice in one program, gives no two resources one URN", async () => {
    const cidrs = [
      "203.0.113.0/24",
      "203.0.113.0/25",
      "2001:db8::/32",
      "2001:db8::/33",
      "203.0.113.0/24",
    ];
    const { engine } = await made({ clientCidrs: cidrs, sshCidrs: cidrs }, ["lab", "lab-2"]);
    const urns = engine.registered.map(({ name, type }) => `${type}::${name}`);
    expect(new Set(urns).size).toBe(urns.length);
    expect(engine.ofType(RULE)).toHaveLength(2 * (4 + 4 + 2));
  });

  it("previews where nothing is known yet", async () => {
    const engine = await mockEngine({ lookups, preview: true });
    new Network("lab", args);
    await engine.settled();
    expect(engine.registered).toHaveLength(1 + 5 + 5);
  });

  it.each([
    [{ clientCidrs: ["0.0.0.0/0"] }, /clientCidrs: 0\.0\.0\.0\/0 is open to the internet/],
    [
      { sshCidrs: ["::/0"], clientCidrs: ["10.0.0.1/8"] },
      /sshCidrs: ::\/0[^]*clientCidrs: "10\.0\.0\.1\/8"/,
    ],
    [{ sshCidrs: [] }, /sshCidrs is empty/],
    [
      { externalNetwork: undefined },
      /externalNetwork is not set; `openstack network list --external`/,
    ],
    [{ clientPort: 22 }, /clientPort is 22/],
    [{ subnetCidr: "10.0.0.1/24" }, /10\.0\.0\.0\/24 for the network/],
  ])("refuses %j before anything is registered", async (change, message) => {
    const engine = await mockEngine({ lookups });
    expect(() => new Network("lab", { ...args, ...change })).toThrow(message);
    await engine.settled();
    expect(engine.registered).toEqual([]);
  });

  it("lets the internet in when that is allowed by name", async () => {
    const { engine } = await made({ clientCidrs: ["0.0.0.0/0"], allowPublicAccess: true });
    expect(engine.named("lab-client-0.0.0.0/0").inputs).toMatchObject({
      remoteIpPrefix: "0.0.0.0/0",
    });
  });
});

// Does not prove: that OpenStack takes these inputs, that a port not named is closed, nor that the resources' types are
// the same in all versions of the provider.
