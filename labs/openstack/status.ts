/** What runs of the lab, and how it is used. */
import * as fs from "node:fs";
import * as z from "zod";
import { findCredentials } from "../../openstack/credentials";
import { openSession, type Session } from "../../openstack/session";
import { CLOUD, CLOUDS_FILE } from "./bring-up";
import { memoryOf } from "../namespaced";
import { findCapsule, STATE_DIR } from "./capsule";
import { EXTERNAL_NETWORK, FLAVOR, IMAGES } from "./catalog";
import { HOST_ADDRESS } from "./addresses";

export interface LabStatus {
  readonly running: boolean;
  readonly memoryMiB?: number;
  readonly processes?: number;
  /** Each service or agent that reports itself, and whether it does so. */
  readonly services?: Readonly<Record<string, boolean>>;
  /** Names of the servers of all projects, with their states. */
  readonly servers?: readonly string[];
  /** Variables that make OpenStack's clients, and Pulumi, use it. */
  readonly environment?: Readonly<Record<string, string>>;
}

const Services = z.object({
  services: z.array(z.object({ binary: z.string(), state: z.string() })),
});
const Agents = z.object({ agents: z.array(z.object({ binary: z.string(), alive: z.boolean() })) });
const Servers = z.object({ servers: z.array(z.object({ name: z.string(), status: z.string() })) });

/** Asks the lab itself. */
export async function labStatus(): Promise<LabStatus> {
  const capsule = findCapsule();
  if (capsule === undefined || !fs.existsSync(CLOUDS_FILE)) return { running: false };
  const environment = { OS_CLIENT_CONFIG_FILE: CLOUDS_FILE, OS_CLOUD: CLOUD };
  const session = await openSession(
    findCredentials({ ...environment, OS_CLOUD: `${CLOUD}-admin` }, STATE_DIR),
  );
  const { mib, processes } = memoryOf(capsule.pid);
  return {
    running: true,
    memoryMiB: Math.round(mib),
    processes,
    services: await servicesOf(session),
    servers: Servers.parse(
      await session.request("compute", "/servers/detail?all_tenants=1"),
    ).servers.map(({ name, status }) => `${name} ${status}`),
    environment,
  };
}

async function servicesOf(session: Session): Promise<Readonly<Record<string, boolean>>> {
  const { services } = Services.parse(await session.request("compute", "/os-services"));
  const { agents } = Agents.parse(await session.request("network", "/agents"));
  return Object.fromEntries([
    ["keystone", true], // it has let us in
    ...services.map(({ binary, state }) => [binary, state === "up"] as const),
    ...agents.map(({ binary, alive }) => [binary, alive] as const),
  ]);
}

/** For people; or only what a shell evaluates. */
export function statusText(status: LabStatus, onlyEnvironment = false): string {
  const { running, services = {}, servers = [], environment = {} } = status;
  const exports = Object.entries(environment)
    .map(([name, value]) => `export ${name}=${value}\n`)
    .join("");
  if (onlyEnvironment) return exports;
  if (!running) return "The lab does not run. `npm run lab:openstack -- up` starts it.\n";
  const down = Object.entries(services).filter(([, alive]) => !alive);
  return (
    `The lab runs: ${Object.keys(services).join(", ")}${down.length === 0 ? "" : `; NOT alive: ${down.map(([name]) => name).join(", ")}`}\n` +
    `Memory: ${status.memoryMiB ?? 0} MiB in ${status.processes ?? 0} processes. Servers: ${servers.join(", ") || "none"}\n` +
    `Use it as a member of project demo:\n\n${exports}\n` +
    `Settings of a stack on it: image ${Object.keys(IMAGES).join(" or ")}, flavor ${FLAVOR}, externalNetwork ${EXTERNAL_NETWORK},\n` +
    `sshCidrs and clientCidrs ["${HOST_ADDRESS}/32"], etcdInstall upload (its servers have no internet).\n`
  );
}
