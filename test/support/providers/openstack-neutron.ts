/** The networking resources that our components use, made in a real neutron. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { ResourceType } from "../../../engine/embedded/resource-type";
import type { Properties, Value } from "../../../engine/embedded/values";
import { OpenStackError, type Session } from "../../../openstack/session";
import { TYPES } from "./openstack-machine";

/** Neutron's own fields of a thing. */
const Thing = z.looseObject({ id: z.string() });
type Thing = z.infer<typeof Thing>;
const Fixed = z.object({ fixed_ips: z.array(z.object({ ip_address: z.string() })) });

/** What differs from type to type. */
interface Kind {
  /** `networks`; the one of it is without the last letter. */
  readonly path: string;
  /** Inputs whose change makes a new one. Others are updated. */
  readonly replaceOn: readonly string[] | "all";
  /** Outputs that are no inputs, out of what neutron answers. */
  readonly outputs?: Readonly<Record<string, (thing: Thing) => Value>>;
  /** Neutron's fields for these inputs; name, description and tags are everybody's. */
  readonly fields?: (inputs: Properties) => unknown;
  /** Fields that can be changed later. */
  readonly changes?: (inputs: Properties) => unknown;
  /** What is done to a new one before it is ready. */
  readonly made?: (thing: Thing, inputs: Properties) => Promise<void>;
}

const CONFLICT_MS = 60_000;

/** The name that a resource has in the cloud: its own and seven random digits, as Pulumi names things. */
export function cloudName(name: string, inputs: Properties): string {
  return typeof inputs.name === "string"
    ? inputs.name
    : `${name}-${randomBytes(4).toString("hex").slice(1)}`;
}

/** A value that must be a text. */
export function textOf(value: Value | undefined): string {
  if (typeof value !== "string") throw new Error(`not a text: ${JSON.stringify(value)}`);
  return value;
}

/** Resource types by their token, without `openstack:`. */
export function neutronTypes(session: Session): Readonly<Record<string, ResourceType>> {
  const ask = session.request.bind(session, "network");
  const poolId = async (name: Value | undefined): Promise<string> => {
    const query = `/networks?router:external=true&name=${encodeURIComponent(textOf(name))}`;
    const { networks } = z.object({ networks: z.array(Thing) }).parse(await ask(query));
    const [first] = networks;
    if (first === undefined) throw new Error(`there is no external network "${textOf(name)}"`);
    return first.id;
  };
  const kinds: Readonly<Record<string, Kind>> = {
    [TYPES.network]: { path: "networks", replaceOn: [] },
    [TYPES.subnet]: {
      path: "subnets",
      replaceOn: ["networkId", "cidr", "ipVersion"],
      outputs: { gatewayIp: ({ gateway_ip }) => String(gateway_ip) },
      fields: ({ networkId, cidr, ipVersion }) => ({
        network_id: networkId,
        cidr,
        ip_version: ipVersion,
      }),
      changes: ({ dnsNameservers }) => ({ dns_nameservers: dnsNameservers ?? [] }),
    },
    [TYPES.router]: {
      path: "routers",
      replaceOn: [],
      changes: ({ externalNetworkId }) => ({
        external_gateway_info: { network_id: externalNetworkId },
      }),
    },
    [TYPES.securityGroup]: {
      path: "security-groups",
      replaceOn: ["deleteDefaultRules"],
      async made({ security_group_rules: rules }, { deleteDefaultRules }) {
        if (deleteDefaultRules !== true) return;
        for (const { id } of z.array(Thing).parse(rules)) {
          await ask(`/security-group-rules/${id}`, { method: "DELETE" });
        }
      },
    },
    [TYPES.rule]: {
      path: "security-group-rules",
      replaceOn: "all",
      fields: (inputs) => ({
        security_group_id: inputs.securityGroupId,
        direction: inputs.direction,
        ethertype: inputs.ethertype,
        protocol: inputs.protocol,
        port_range_min: inputs.portRangeMin,
        port_range_max: inputs.portRangeMax,
        remote_ip_prefix: inputs.remoteIpPrefix,
      }),
    },
    [TYPES.port]: {
      path: "ports",
      replaceOn: ["networkId", "fixedIps"],
      outputs: {
        allFixedIps: (thing) => Fixed.parse(thing).fixed_ips.map((fixed) => fixed.ip_address),
        macAddress: ({ mac_address }) => String(mac_address),
      },
      fields: ({ networkId, fixedIps }) => ({
        network_id: networkId,
        ...(fixedIps === undefined ? {} : { fixed_ips: fixedIpsOf(fixedIps) }),
      }),
      changes: ({ securityGroupIds }) => ({ security_groups: securityGroupIds }),
    },
  };
  return {
    ...Object.fromEntries(
      Object.entries(kinds).map(([type, kind]) => [type, neutronType(ask, kind)]),
    ),
    [TYPES.floatingIp]: neutronType(ask, {
      path: "floatingips",
      replaceOn: ["pool"],
      outputs: { address: (thing) => String(thing.floating_ip_address) },
      fields: async ({ pool }) => ({ floating_network_id: await poolId(pool) }),
    }),
    [TYPES.routerInterface]: {
      outputs: [],
      replaceOn: "all",
      async create(_name, inputs) {
        const { port_id } = z
          .object({ port_id: z.string() })
          .parse(
            await ask(
              `/routers/${textOf(inputs.routerId)}/add_router_interface`,
              interfaceOf(inputs),
            ),
          );
        return { id: port_id, outputs: inputs };
      },
      async delete(_id, outputs) {
        await patiently(() =>
          ask(`/routers/${textOf(outputs.routerId)}/remove_router_interface`, interfaceOf(outputs)),
        );
      },
    },
    [TYPES.association]: {
      outputs: [],
      replaceOn: ["floatingIp"],
      async create(_name, inputs) {
        const query = `/floatingips?floating_ip_address=${textOf(inputs.floatingIp)}`;
        const [found] = z
          .object({ floatingips: z.array(Thing) })
          .parse(await ask(query)).floatingips;
        if (found === undefined)
          throw new Error(`there is no floating IP ${textOf(inputs.floatingIp)}`);
        await ask(`/floatingips/${found.id}`, leadTo(inputs.portId));
        return { id: found.id, outputs: inputs };
      },
      async update(id, _olds, inputs) {
        await ask(`/floatingips/${id}`, leadTo(inputs.portId));
        return inputs;
      },
      async delete(id) {
        await patiently(() => ask(`/floatingips/${id}`, leadTo(null)));
      },
    },
  };
}

type Ask = (path: string, options?: Parameters<Session["request"]>[2]) => Promise<unknown>;

function neutronType(ask: Ask, kind: Kind): ResourceType {
  const { path, replaceOn, outputs = {}, fields, changes, made } = kind;
  const key = path.replaceAll("-", "_").slice(0, -1);
  const common = ({ description }: Properties) =>
    description === undefined ? {} : { description };
  const tag = async (id: string, { tags }: Properties) => {
    if (tags !== undefined) await ask(`/${path}/${id}/tags`, { method: "PUT", body: { tags } });
  };
  return {
    outputs: ["name", ...Object.keys(outputs)],
    replaceOn,
    async create(name, inputs) {
      const given = { name: cloudName(name, inputs), ...inputs };
      const body = {
        ...(path === "floatingips" || path === "security-group-rules" ? {} : { name: given.name }),
        ...common(inputs),
        ...((await fields?.(inputs)) as object | undefined),
        ...(changes?.(inputs) as object | undefined),
      };
      const answer = await ask(`/${path}`, { method: "POST", body: { [key]: body } });
      const thing = z.record(z.string(), Thing).parse(answer)[key];
      if (thing === undefined) throw new Error(`neutron answers without a ${key}`);
      try {
        await made?.(thing, inputs);
        await tag(thing.id, inputs);
      } catch (error) {
        await ask(`/${path}/${thing.id}`, { method: "DELETE" });
        throw error;
      }
      const read = Object.entries(outputs).map(([output, of]) => [output, of(thing)] as const);
      return { id: thing.id, outputs: { ...given, ...Object.fromEntries(read) } };
    },
    async update(id, olds, inputs) {
      const body = { ...common(inputs), ...(changes?.(inputs) as object | undefined) };
      await ask(`/${path}/${id}`, { method: "PUT", body: { [key]: body } });
      await tag(id, inputs);
      return { ...olds, ...inputs };
    },
    async delete(id) {
      await patiently(() => ask(`/${path}/${id}`, { method: "DELETE" }));
    },
  };
}

/** A deletion; what is gone is as good as deleted, and what is in use may be free in a moment. */
export async function patiently(work: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + CONFLICT_MS;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof OpenStackError)) throw error;
      if (error.status === 404) return;
      if (error.status !== 409 || Date.now() > end) throw error;
    }
    await sleep(1000);
  }
}

function interfaceOf({ subnetId }: Properties) {
  return { method: "PUT", body: { subnet_id: subnetId } } as const;
}

function leadTo(portId: Value | undefined) {
  return { method: "PUT", body: { floatingip: { port_id: portId } } } as const;
}

function fixedIpsOf(value: Value): unknown {
  const Given = z.array(z.object({ subnetId: z.string(), ipAddress: z.string().optional() }));
  return Given.parse(value).map(({ subnetId, ipAddress }) => ({
    subnet_id: subnetId,
    ...(ipAddress === undefined ? {} : { ip_address: ipAddress }),
  }));
}
