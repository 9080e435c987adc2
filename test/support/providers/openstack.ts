/** The part of OpenStack that our components use, asked of a real one: for the embedded engine. It has no volumes. */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type {
  ProviderFunction,
  ResourceType,
  ResourceTypes,
} from "../../../engine/embedded/resource-type";
import type { Properties, Value } from "../../../engine/embedded/values";
import { OpenStackError, type Session } from "../../../openstack/session";
import { goTime, TYPES } from "./openstack-machine";
import { cloudName, neutronTypes, textOf } from "./openstack-neutron";

export interface OpenStackOptions {
  /** What reaches a server in place of its user data: for a machine in the middle. */
  readonly tamper?: (userData: string) => string;
}

/** All of it, for one project. */
export function openStackTypes(session: Session, options: OpenStackOptions = {}): ResourceTypes {
  const resources = {
    ...neutronTypes(session),
    [TYPES.keyPair]: keyPair(session),
    [TYPES.serverGroup]: serverGroup(session),
    [TYPES.server]: server(session, options.tamper ?? ((userData) => userData)),
  };
  return {
    resources: Object.fromEntries(
      Object.entries(resources).map(([type, resource]) => [`openstack:${type}`, resource]),
    ),
    functions: {
      "openstack:images/getImage:getImage": findOne((args) =>
        list(session, "image", `/images${query({ name: args.name })}`, "images"),
      ),
      "openstack:compute/getFlavor:getFlavor": findOne(async (args) => {
        const all = await list(session, "compute", "/flavors/detail", "flavors");
        return all.filter(({ id, name }) =>
          args.flavorId === undefined ? name === args.name : id === args.flavorId,
        );
      }),
      "openstack:networking/getNetwork:getNetwork": findOne((args) =>
        list(
          session,
          "network",
          `/networks${query({ name: args.name, id: args.networkId, "router:external": args.external })}`,
          "networks",
        ),
      ),
    },
  };
}

type Found = z.infer<typeof Found>;
const Found = z.looseObject({
  id: z.string(),
  name: z.string(),
  ram: z.number().optional(),
  disk: z.number().optional(),
});
const SERVER_LIMIT_MS = 10 * 60_000;
const Server = z.object({
  server: z.object({
    id: z.string(),
    status: z.string(),
    created: z.coerce.date(),
    fault: z.object({ message: z.string() }).optional(),
    addresses: z
      .record(
        z.string(),
        z.array(z.object({ addr: z.string(), "OS-EXT-IPS:type": z.string().optional() })),
      )
      .default({}),
  }),
});

function keyPair(session: Session): ResourceType {
  return {
    outputs: ["name", "fingerprint"],
    replaceOn: "all",
    async create(logical, inputs) {
      const name = cloudName(logical, inputs);
      const body = { keypair: { name, public_key: inputs.publicKey } };
      await session.request("compute", "/os-keypairs", { method: "POST", body });
      return { id: name, outputs: { ...inputs, name } };
    },
    async delete(id) {
      await gone(() =>
        session.request("compute", `/os-keypairs/${encodeURIComponent(id)}`, { method: "DELETE" }),
      );
    },
  };
}

function serverGroup(session: Session): ResourceType {
  return {
    outputs: ["name"],
    replaceOn: "all",
    async create(logical, inputs) {
      const name = cloudName(logical, inputs);
      const body = { server_group: { name, policies: inputs.policies } };
      const { id } = z
        .object({ server_group: z.object({ id: z.string() }) })
        .parse(
          await session.request("compute", "/os-server-groups", { method: "POST", body }),
        ).server_group;
      return { id, outputs: { ...inputs, name } };
    },
    async delete(id) {
      await gone(() => session.request("compute", `/os-server-groups/${id}`, { method: "DELETE" }));
    },
  };
}

function server(session: Session, tamper: (userData: string) => string): ResourceType {
  const look = async (id: string) =>
    Server.parse(await session.request("compute", `/servers/${id}`)).server;
  const remove = async (id: string): Promise<void> => {
    await gone(() => session.request("compute", `/servers/${id}`, { method: "DELETE" }));
    const end = Date.now() + SERVER_LIMIT_MS;
    while (Date.now() < end) {
      if (await gone(() => look(id))) return;
      await sleep(1000);
    }
    throw new Error(`server ${id} was not deleted in ${SERVER_LIMIT_MS / 1000} s`);
  };
  return {
    outputs: ["name", "accessIpV4", "powerState", "created"],
    replaceOn: [
      ...["imageId", "flavorId", "keyPair", "networks", "configDrive", "userData"],
      "schedulerHints",
    ],
    async create(logical, inputs, context) {
      const name = cloudName(logical, inputs);
      const networks = z.array(z.object({ port: z.string() })).parse(inputs.networks);
      const [hint] = z.array(z.object({ group: z.string() })).parse(inputs.schedulerHints ?? []);
      const body = {
        server: {
          name,
          imageRef: inputs.imageId,
          flavorRef: inputs.flavorId,
          key_name: inputs.keyPair,
          networks,
          config_drive: inputs.configDrive,
          user_data: Buffer.from(tamper(textOf(inputs.userData))).toString("base64"),
          metadata: inputs.metadata ?? {},
          tags: inputs.tags ?? [],
        },
        ...(hint === undefined ? {} : { "os:scheduler_hints": hint }),
      };
      const { id } = z
        .object({ server: z.object({ id: z.string() }) })
        .parse(await session.request("compute", "/servers", { method: "POST", body })).server;
      const end = Date.now() + SERVER_LIMIT_MS;
      try {
        for (;;) {
          const { status, created, fault, addresses } = await look(id);
          if (status === "ACTIVE") {
            context.say(`server ${id} is active`);
            const [first] = Object.values(addresses).flat();
            const told = { accessIpV4: first?.addr ?? "", powerState: "active" };
            return { id, outputs: { ...inputs, name, ...told, created: goTime(created) } };
          }
          if (status === "ERROR") {
            const told = fault?.message ?? "no fault is told";
            throw new Error(`server ${name}: unexpected state 'ERROR', wanted 'ACTIVE': ${told}`);
          }
          if (Date.now() > end) {
            throw new Error(`server ${name} is still ${status} after ${SERVER_LIMIT_MS / 1000} s`);
          }
          await sleep(1000, undefined, { signal: context.signal });
        }
      } catch (error) {
        await remove(id);
        throw error;
      }
    },
    async update(id, olds, inputs) {
      const { metadata = {}, tags = [] } = inputs;
      await session.request("compute", `/servers/${id}/metadata`, {
        method: "PUT",
        body: { metadata },
      });
      await session.request("compute", `/servers/${id}/tags`, { method: "PUT", body: { tags } });
      return { ...olds, ...inputs };
    },
    delete: remove,
  };
}

/** Whether what is asked for is not there, or no longer. */
async function gone(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof OpenStackError && error.status === 404) return true;
    throw error;
  }
}

async function list(
  session: Session,
  service: "image" | "compute" | "network",
  path: string,
  key: string,
): Promise<readonly Found[]> {
  const answer = z.record(z.string(), z.unknown()).parse(await session.request(service, path));
  return z.array(Found).parse(answer[key]);
}

function query(wanted: Readonly<Record<string, Value | undefined>>): string {
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ""
    : `?${given.map(([key, value]) => `${key}=${encodeURIComponent(typeof value === "string" ? value : JSON.stringify(value))}`).join("&")}`;
}

/** A look-up; OpenStack's provider says it in these words when it finds none, or several. */
function findOne(ask: (args: Properties) => Promise<readonly Found[]>): ProviderFunction {
  return async (args) => {
    const [first, ...others] = await ask(args);
    if (first === undefined) {
      throw new Error(
        "Your query returned no results. Please change your search criteria and try again.",
      );
    }
    if (others.length > 0) {
      throw new Error(
        "Your query returned more than one result. Please try a more specific search criteria",
      );
    }
    const { id, name, ram, disk } = first;
    return { id, name, ...(ram !== undefined && { ram }), ...(disk !== undefined && { disk }) };
  };
}
