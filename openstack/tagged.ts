/** What was made in a cloud for one stack, known by the marks that every resource carries (`components/owner.ts`), and its removal. */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { OpenStackError, type Session } from "./session";
import type { ServiceType } from "./catalog";

/** One thing in the cloud. */
export interface Tagged {
  readonly kind: Kind;
  readonly id: string;
  readonly name: string;
  /** Name of the stack that it says it is of. */
  readonly stack: string;
}

const MARK = "etcd-restore";
const WAIT_MS = 180_000;
/** Nova gives a server group neither tags nor metadata: it is known by its name, as `components/owner.ts` makes it. */
const GROUP_NAME = /^etcd-restore\.(.+)\.server-group$/;

/** In the order in which they can go: each after what needs it. */
const KINDS = [
  {
    kind: "server",
    service: "compute",
    path: "/servers",
    list: "/servers/detail?tags=",
    key: "servers",
  },
  {
    kind: "server group",
    service: "compute",
    path: "/os-server-groups",
    list: "/os-server-groups?x=",
    key: "server_groups",
  },
  {
    kind: "floating IP",
    service: "network",
    path: "/floatingips",
    list: "/floatingips?tags=",
    key: "floatingips",
  },
  { kind: "port", service: "network", path: "/ports", list: "/ports?tags=", key: "ports" },
  { kind: "router", service: "network", path: "/routers", list: "/routers?tags=", key: "routers" },
  { kind: "subnet", service: "network", path: "/subnets", list: "/subnets?tags=", key: "subnets" },
  {
    kind: "network",
    service: "network",
    path: "/networks",
    list: "/networks?tags=",
    key: "networks",
  },
  {
    kind: "security group",
    service: "network",
    path: "/security-groups",
    list: "/security-groups?tags=",
    key: "security_groups",
  },
  {
    kind: "volume",
    service: "volumev3",
    path: "/volumes",
    list: "/volumes/detail?x=",
    key: "volumes",
  },
] as const satisfies readonly {
  readonly kind: string;
  readonly service: ServiceType;
  readonly path: string;
  readonly list: string;
  readonly key: string;
}[];
type Kind = (typeof KINDS)[number]["kind"];

const item = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Everything in the project that says it was made by etcd-restore for a stack.
 * @throws OpenStackError, CloudError
 */
export async function findTagged(
  session: Session,
  isMeant: (stack: string) => boolean,
): Promise<readonly Tagged[]> {
  const found: Tagged[] = [];
  for (const { kind, service, list, key } of KINDS) {
    if (!session.offers(service)) continue;
    const answer = z.looseObject({}).parse(await session.request(service, `${list}${MARK}`));
    for (const one of z.array(item).parse(answer[key] ?? [])) {
      const stack = kind === "server group" ? stackOfName(one) : stackOf(one);
      if (stack !== undefined && isMeant(stack)) {
        found.push({ kind, id: one.id, name: one.name ?? "", stack });
      }
    }
  }
  return found;
}

function stackOfName({ name }: z.infer<typeof item>): string | undefined {
  return GROUP_NAME.exec(name ?? "")?.[1];
}

/** By the metadata, which has the name in full, or by the tag; both together with the mark that it is ours. */
function stackOf({ tags, metadata }: z.infer<typeof item>): string | undefined {
  if (metadata?.["managed-by"] === MARK && typeof metadata["pulumi-stack"] === "string") {
    return metadata["pulumi-stack"];
  }
  if (tags?.includes(MARK) !== true) return undefined;
  return tags.find((tag) => tag.startsWith("stack="))?.slice("stack=".length);
}

/**
 * Removes what was found, in an order that the cloud allows; what is gone already is no error.
 * @throws OpenStackError, CloudError
 */
export async function removeTagged(session: Session, found: readonly Tagged[]): Promise<void> {
  for (const { kind, service, path } of KINDS) {
    for (const { id } of found.filter((one) => one.kind === kind)) {
      if (kind === "router") await detachRouter(session, id);
      await ifThere(() => session.request(service, `${path}/${id}`, { method: "DELETE" }));
      if (kind === "server") await untilGone(session, service, `${path}/${id}`);
    }
  }
}

/** A router goes when no subnet is at it any more. */
async function detachRouter(session: Session, id: string): Promise<void> {
  const answer = await session.request("network", `/ports?device_id=${id}`);
  const ports = z
    .looseObject({
      ports: z.array(z.looseObject({ id: z.string(), device_owner: z.string().nullish() })),
    })
    .parse(answer).ports;
  for (const port of ports.filter(
    ({ device_owner: owner }) => owner !== "network:router_gateway",
  )) {
    const body = { port_id: port.id };
    await ifThere(() =>
      session.request("network", `/routers/${id}/remove_router_interface`, { method: "PUT", body }),
    );
  }
}

/** A server's ports and volumes are free when it is gone. */
async function untilGone(session: Session, service: ServiceType, path: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (await ifThere(() => session.request(service, path))) {
    if (Date.now() > deadline)
      throw new OpenStackError(409, `${path} is still there after ${WAIT_MS / 1000} s`);
    await sleep(500);
  }
}

async function ifThere(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    if (error instanceof OpenStackError && error.status === 404) return false;
    throw error;
  }
}
