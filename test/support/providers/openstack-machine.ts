/**
 * The part of OpenStack that our components use, as an OpenStack of one test whose servers are machines on this
 * computer. It keeps no rules of security groups.
 */
import { randomInt } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import * as os from "node:os";
import type { ProviderFunction, ResourceTypes } from "../../../engine/embedded/resource-type";
import type { Properties, Value } from "../../../engine/embedded/values";
import { bootMachine, type Machine, type Wire } from "../../../labs/machine/machine";
import { makeVolume, type MachineVolume } from "../../../labs/machine/volume";
import { cloudRecords, recordType, type CloudRecord, type RecordKind } from "./cloud-records";

export interface CloudOptions {
  /** Root that every server boots. */
  readonly root: string;
  /** What a server finds at the cloud's `mirror`. @default nobody answers there */
  readonly mirror?: RequestListener;
  /** What reaches a server in place of its user data: for a machine in the middle. */
  readonly tamper?: (userData: string) => string;
}

/** What this cloud cannot do just now. */
export interface CloudTroubles {
  noFloatingIps: boolean;
  /** Nova's own words for why a new server goes to ERROR. */
  serverFault: string | undefined;
}

export interface Cloud {
  /** To be given to the embedded engine. */
  readonly types: ResourceTypes;
  /** URL at which servers find the mirror. */
  readonly mirror: string;
  /** None at first. */
  readonly troubles: CloudTroubles;
  /** Both ends of the cable of its first server. */
  readonly wire: Wire;
  /** Types of what was made and is there, sorted. */
  contents(): readonly string[];
  /** Properties of the only thing of a type; throws when there is another number of them. */
  only(type: string): CloudRecord;
  /** The machine behind the only server. */
  machine(): Machine;
  /** The machine behind the server whose name begins so. */
  machineOf(server: string): Machine;
  /** Ends every machine and server; safe whatever has happened. */
  dispose(): Promise<void>;
}

export const IMAGE = "debian-12";
/** The same system by another name. */
export const OTHER_IMAGE = "debian-12-rebuilt";
export const FLAVOR = "m1.small";
export const SMALL_FLAVOR = "m1.tiny";
export const EXTERNAL_NETWORK = "public";

/** What is there in the cloud before anybody comes. */
const GIVEN: readonly CloudRecord[] = [
  { id: "7f1f0000-0000-4000-8000-000000000001", type: "image", properties: { name: IMAGE } },
  { id: "7f1f0000-0000-4000-8000-000000000003", type: "image", properties: { name: OTHER_IMAGE } },
  { id: "2", type: "flavor", properties: { name: FLAVOR, ram: 2048, disk: 10 } },
  { id: "1", type: "flavor", properties: { name: SMALL_FLAVOR, ram: 64, disk: 1 } },
  {
    id: "7f1f0000-0000-4000-8000-000000000002",
    type: "network",
    properties: { name: EXTERNAL_NETWORK, external: true },
  },
];

/** TEST-NET-2 of RFC 5737: reaches nobody. Each floating IP takes four of its addresses. */
const FLOATING_RANGE = "198.51.100";
const MIRROR_PORT = 8000;

/** A new, empty cloud. */
export function openCloud(options: CloudOptions): Cloud {
  const records = cloudRecords();
  for (const record of GIVEN) records.add(record);
  const given = new Set(GIVEN.map(({ id }) => id));
  const machines = new Map<string, { readonly machine: Machine; readonly mirror?: Server }>();
  const volumes = new Map<string, MachineVolume>();
  const troubles: CloudTroubles = { noFloatingIps: false, serverFault: undefined };
  /** First of the four addresses of each cable. */
  const blocks = new Set([freeBlock(new Set())]);
  const [first = 0] = blocks;
  const wire = wireOf(first);
  const bridge = `erb${process.pid % 100_000}x${first.toString(36)}`;
  /** A cable that no floating IP, or no port, of this cloud has. */
  const nextBlock = (used: readonly number[]): number => {
    const block = [...blocks].find((one) => !used.includes(one)) ?? freeBlock(blocks);
    blocks.add(block);
    return block;
  };

  const endMachine = async (id: string): Promise<void> => {
    const { machine, mirror } = machines.get(id) ?? {};
    mirror?.closeAllConnections();
    mirror?.close();
    await machine?.down();
    machines.delete(id);
  };
  const one = (type: string, matches: (properties: Properties) => boolean): CloudRecord => {
    const found = records.all(type).find(({ properties }) => matches(properties));
    if (found === undefined) throw new Error(`404 Not Found: no such ${type}`);
    return found;
  };

  const ports = () =>
    records.all(TYPES.port).map(({ properties }) => blockOf(firstOf(properties.allFixedIps)));

  const boot = async ({ id, properties }: CloudRecord): Promise<Properties> => {
    const portId = portOf(properties);
    const port = records.find(portId)?.properties ?? {};
    if (troubles.serverFault !== undefined) {
      throw new Error(
        `Error waiting for instance (${id}) to become ready: unexpected state 'ERROR', wanted target 'ACTIVE'. ` +
          `last error: ${troubles.serverFault}`,
      );
    }
    const block =
      records.all(TYPES.floatingIp).length > 0
        ? blockOf(
            text(one(TYPES.association, (made) => made.portId === portId).properties.floatingIp),
          )
        : blockOf(firstOf(port.allFixedIps));
    const wire = wireOf(block);
    const created = new Date();
    const subnetId = subnetOf(port);
    const subnet = records.find(subnetId)?.properties ?? {};
    const keyPair = one(TYPES.keyPair, ({ name }) => name === properties.keyPair);
    const userData = text(properties.userData);
    const machine = await bootMachine({
      name: `${process.pid}`.slice(-4) + block.toString(36).padStart(2, "0"),
      root: options.root,
      uuid: id,
      hostname: text(properties.name),
      publicKey: text(keyPair.properties.publicKey),
      userData: options.tamper?.(userData) ?? userData,
      mac: text(port.macAddress),
      address: firstOf(port.allFixedIps),
      netmask: "255.255.255.0",
      gateway: text(subnet.gatewayIp),
      wire,
      bridge,
    });
    machines.set(id, { machine });
    if (options.mirror !== undefined) {
      const mirror = createServer(options.mirror);
      machines.set(id, { machine, mirror });
      await listen(mirror, wire.host);
    }
    return {
      accessIpV4: firstOf(port.allFixedIps),
      powerState: "active",
      created: goTime(created),
    };
  };

  const kinds: Readonly<Record<string, RecordKind>> = {
    [TYPES.network]: { replaceOn: [] },
    [TYPES.subnet]: {
      replaceOn: ["networkId", "cidr"],
      outputs: ["gatewayIp"],
      complete: ({ cidr }) => ({ gatewayIp: addressIn(text(cidr), 1) }),
    },
    [TYPES.router]: { replaceOn: [] },
    [TYPES.routerInterface]: { replaceOn: "all" },
    [TYPES.securityGroup]: { replaceOn: [] },
    [TYPES.rule]: { replaceOn: "all" },
    [TYPES.port]: {
      replaceOn: ["networkId"],
      outputs: ["allFixedIps", "macAddress"],
      complete: (inputs) => {
        const subnet = records.find(subnetOf(inputs));
        if (subnet === undefined) throw new Error("404 Not Found: the subnet of a port");
        return {
          // Apart from those of clouds beside this one, which may have the same subnet.
          allFixedIps: [addressIn(text(subnet.properties.cidr), nextBlock(ports()) + 2)],
          macAddress: `fa:16:3e:00:00:${randomInt(16, 256).toString(16)}`,
        };
      },
    },
    [TYPES.floatingIp]: {
      replaceOn: ["pool"],
      outputs: ["address"],
      complete: ({ pool }) => {
        one("network", ({ name, external }) => name === pool && external === true);
        if (troubles.noFloatingIps) {
          throw new Error("409 Conflict: no more IP addresses available on network public");
        }
        const used = records
          .all(TYPES.floatingIp)
          .map((made) => blockOf(text(made.properties.address)));
        return { address: wireOf(nextBlock(used)).guest };
      },
    },
    [TYPES.association]: { replaceOn: ["floatingIp"] },
    [TYPES.keyPair]: { replaceOn: "all" },
    [TYPES.serverGroup]: { replaceOn: "all" },
    [TYPES.server]: {
      replaceOn: ["imageId", "flavorId", "keyPair", "networks", "configDrive", "userData"],
      outputs: ["accessIpV4", "powerState", "created"],
      made: boot,
      deleted: ({ id }) => endMachine(id),
    },
    [TYPES.volume]: {
      replaceOn: [],
      made: async ({ id, properties }) => {
        volumes.set(id, await makeVolume(id, Number(properties.size)));
        return {};
      },
      deleted: async ({ id }) => {
        await volumes.get(id)?.remove();
        volumes.delete(id);
      },
    },
    [TYPES.volumeAttachment]: {
      replaceOn: "all",
      outputs: ["device"],
      made: async ({ properties }) => {
        const attached = machines.get(text(properties.instanceId));
        const volume = volumes.get(text(properties.volumeId));
        if (attached === undefined || volume === undefined) throw new Error("404 Not Found");
        await volume.attach(attached.machine);
        return { device: "/dev/vdb" };
      },
    },
  };

  /** One of what was there before; OpenStack's provider says it in these words when there is none. */
  const lookUp =
    (type: string, idKey: string): ProviderFunction =>
    (args) => {
      const wanted = (record: CloudRecord) =>
        (args[idKey] === undefined || args[idKey] === record.id) &&
        (args.name === undefined || args.name === record.properties.name) &&
        (args.external === undefined || args.external === record.properties.external);
      const found = records.all(type).find(wanted);
      return found === undefined
        ? Promise.reject(
            new Error(
              "Your query returned no results. Please change your search criteria and try again.",
            ),
          )
        : Promise.resolve({ ...found.properties, id: found.id });
    };

  return {
    types: {
      resources: Object.fromEntries(
        Object.entries(kinds).map(([type, kind]) => [
          `openstack:${type}`,
          recordType(records, type, kind),
        ]),
      ),
      functions: {
        "openstack:images/getImage:getImage": lookUp("image", "imageId"),
        "openstack:compute/getFlavor:getFlavor": lookUp("flavor", "flavorId"),
        "openstack:networking/getNetwork:getNetwork": lookUp("network", "networkId"),
      },
    },
    troubles,
    wire,
    mirror: `http://${wire.host}:${MIRROR_PORT}`,
    contents: () =>
      records
        .all()
        .filter(({ id }) => !given.has(id))
        .map(({ type }) => type)
        .sort(),
    only(type) {
      const found = records.all(type);
      const [first] = found;
      if (first === undefined || found.length > 1) {
        throw new Error(`the cloud holds ${found.length} of ${type}, not one`);
      }
      return first;
    },
    machine() {
      const [only] = machines.values();
      if (only === undefined || machines.size > 1) {
        throw new Error(`the cloud runs ${machines.size} machines, not one`);
      }
      return only.machine;
    },
    machineOf(server) {
      const { id } = one(TYPES.server, ({ name }) => text(name).startsWith(server));
      const found = machines.get(id);
      if (found === undefined) throw new Error(`no machine is behind the server ${server}`);
      return found.machine;
    },
    async dispose() {
      for (const id of [...machines.keys()]) await endMachine(id);
      for (const volume of volumes.values()) await volume.remove();
    },
  };
}

/** Types that our components use, as the SDK names them. */
export const TYPES = {
  network: "networking/network:Network",
  subnet: "networking/subnet:Subnet",
  router: "networking/router:Router",
  routerInterface: "networking/routerInterface:RouterInterface",
  securityGroup: "networking/secGroup:SecGroup",
  rule: "networking/secGroupRule:SecGroupRule",
  port: "networking/port:Port",
  floatingIp: "networking/floatingIp:FloatingIp",
  association: "networking/floatingIpAssociate:FloatingIpAssociate",
  keyPair: "compute/keypair:Keypair",
  server: "compute/instance:Instance",
  serverGroup: "compute/serverGroup:ServerGroup",
  volume: "blockstorage/volume:Volume",
  volumeAttachment: "compute/volumeAttach:VolumeAttach",
} as const;

/** First of four addresses of the range that nobody on this computer has, nor takes at this moment, and that is none of these. */
function freeBlock(without: ReadonlySet<number>): number {
  const taken = new Set(
    Object.values(os.networkInterfaces()).flatMap(
      (all) => all?.map(({ address }) => address) ?? [],
    ),
  );
  // Each of vitest's workers has blocks of its own.
  const worker = Number(process.env.VITEST_POOL_ID ?? 0) % 4;
  const blocks = Array.from({ length: 16 }, (_, index) => 4 * (16 * worker + index));
  const block = blocks.find((one) => !without.has(one) && !taken.has(wireOf(one).host));
  if (block === undefined) throw new Error(`no address of ${FLOATING_RANGE}.0/24 is free`);
  return block;
}

function wireOf(block: number): Wire {
  return { host: `${FLOATING_RANGE}.${block + 1}`, guest: `${FLOATING_RANGE}.${block + 2}` };
}

/** Of the machine's end of a cable, or of the address in its own network, which ends alike. */
function blockOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(".") + 1)) - 2;
}

async function listen(server: Server, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(MIRROR_PORT, host, () => {
      resolve();
    });
  });
}

function addressIn(cidr: string, host: number): string {
  const [network = ""] = cidr.split("/");
  if (!cidr.endsWith(".0/24")) throw new Error(`the test cloud takes a /24 only, not ${cidr}`);
  return network.replace(/\.0$/, `.${host}`);
}

function text(value: Value | undefined): string {
  if (typeof value !== "string") throw new Error(`not a text: ${JSON.stringify(value)}`);
  return value;
}

function firstOf(value: Value | undefined): string {
  return text(Array.isArray(value) ? (value[0] as Value | undefined) : undefined);
}

/** A port's subnet, a server's port: the one that is named in a list of objects. */
function nested(list: Value | undefined, key: string): string {
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  const value: unknown =
    typeof first === "object" && first !== null ? Reflect.get(first, key) : undefined;
  if (typeof value !== "string") throw new Error(`400 Bad Request: no ${key} is named`);
  return value;
}

function subnetOf(port: Properties): string {
  return nested(port.fixedIps, "subnetId");
}

function portOf(server: Properties): string {
  return nested(server.networks, "port");
}

/** A moment in Go's words (`time.Time.String`), which the real provider has for a server's creation. */
export function goTime(moment: Date): string {
  return moment.toISOString().replace("T", " ").replace(/\..*$/, " +0000 UTC");
}
