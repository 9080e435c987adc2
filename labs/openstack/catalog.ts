/** What an operator does once in a new cloud: service users, catalogue, and what projects find there. */
import * as fs from "node:fs";
import * as z from "zod";
import type { Session } from "../../openstack/session";
import { apiUrl, EXTERNAL_CIDR, EXTERNAL_POOL, HOST_ADDRESS, REGION } from "./addresses";

/** The project, and its user, that the lab is used as: a plain member, as in a real cloud. */
export const USER = "demo";
export const DEBIAN_12 = "debian-12";
/** With cloud-init, systemd and OpenSSH as Ubuntu 24.04 and later have them. */
export const DEBIAN_13 = "debian-13";
/** Every image, and the release of Debian that it is made of. */
export const IMAGES = { [DEBIAN_12]: "bookworm", [DEBIAN_13]: "trixie" } as const;
export const FLAVOR = "m1.small";
/** With room for a kube-apiserver beside etcd. */
export const ROOMY_FLAVOR = "m1.medium";
/** Too small for any backup: to see it refused. */
export const TINY_FLAVOR = "m1.tiny";
/** With a disk that no host has: nova takes the order, and its server ends in ERROR. */
export const HUGE_FLAVOR = "m1.huge";
export const EXTERNAL_NETWORK = "public";

const WithId = z.object({ id: z.string() });
const idOf = (answer: unknown, key: string): string =>
  z
    .record(z.string(), z.unknown())
    .transform((all) => WithId.parse(all[key]).id)
    .parse(answer);
const List = (key: string) =>
  z.object({ [key]: z.array(WithId) }).transform((answer) => answer[key] ?? []);

/** Users for the services, their endpoints, and the lab's own project and user. */
export async function makeCatalog(session: Session, password: string): Promise<void> {
  const make = async (kind: string, body: Readonly<Record<string, unknown>>) =>
    idOf(
      await session.request("identity", `/${kind}s`, { method: "POST", body: { [kind]: body } }),
      kind,
    );
  const roleId = async (name: string): Promise<string> => {
    const [role] = List("roles").parse(await session.request("identity", `/roles?name=${name}`));
    if (role === undefined) throw new Error(`keystone has no role ${name}`);
    return role.id;
  };
  const user = async (name: string, project: string, role: string) => {
    const id = await make("user", { name, domain_id: "default", password });
    await session.request(
      "identity",
      `/projects/${project}/users/${id}/roles/${await roleId(role)}`,
      {
        method: "PUT",
      },
    );
  };
  const services = await make("project", { name: "service", domain_id: "default" });
  for (const name of ["glance", "nova", "neutron", "placement"])
    await user(name, services, "admin");
  const types = {
    glance: ["image", apiUrl("glance")],
    placement: ["placement", apiUrl("placement")],
    nova: ["compute", `${apiUrl("nova")}/v2.1`],
    neutron: ["network", apiUrl("neutron")],
  } as const;
  for (const [name, [type, url]] of Object.entries(types)) {
    const service_id = await make("service", { name, type });
    for (const where of ["public", "internal"]) {
      await make("endpoint", { interface: where, region_id: REGION, service_id, url });
    }
  }
  await user(USER, await make("project", { name: USER, domain_id: "default" }), "member");
}

/** Whether nova-compute and its helpers, and neutron's three agents, have reported themselves. */
export async function agentsAlive(session: Session): Promise<boolean> {
  const services = z
    .object({ services: z.array(z.object({ binary: z.string(), state: z.string() })) })
    .parse(await session.request("compute", "/os-services"))
    .services.filter(({ state }) => state === "up");
  const agents = z
    .object({ agents: z.array(z.object({ binary: z.string(), alive: z.boolean() })) })
    .parse(await session.request("network", "/agents"))
    .agents.filter(({ alive }) => alive);
  const up = new Set([...services, ...agents].map(({ binary }) => binary));
  return [
    ...["nova-compute", "nova-conductor", "nova-scheduler"],
    ...["neutron-linuxbridge-agent", "neutron-dhcp-agent", "neutron-l3-agent"],
  ].every((binary) => up.has(binary));
}

/** The files of a guest: a root disk without partitions, and what boots it. */
export interface GuestFiles {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** Images by name, flavors and the network outside. */
export async function makeOffer(
  session: Session,
  guests: Readonly<Record<string, GuestFiles>>,
): Promise<void> {
  for (const [name, guest] of Object.entries(guests)) await makeGuestImage(session, name, guest);
  const flavor = (name: string, vcpus: number, ram: number, disk: number) =>
    session.request("compute", "/flavors", {
      method: "POST",
      body: { flavor: { name, vcpus, ram, disk } },
    });
  // Of one processor: a kernel that changes its own code while another processor runs it falls over now and then under QEMU
  // without KVM (Debian 13's 6.12, "Oops: int3", one boot of 22 with two processors).
  await flavor(FLAVOR, 1, 1024, 4);
  await flavor(ROOMY_FLAVOR, 2, 2048, 4);
  await flavor(TINY_FLAVOR, 1, 128, 3);
  await flavor(HUGE_FLAVOR, 1, 1024, 1_000_000);
  await makeExternalNetwork(session);
}

async function makeGuestImage(session: Session, name: string, guest: GuestFiles): Promise<void> {
  const kernel_id = await makeImage(session, `${name}-kernel`, guest.kernel, "aki", "aki");
  const ramdisk_id = await makeImage(session, `${name}-initrd`, guest.initrd, "ari", "ari");
  await makeImage(session, name, guest.disk, "qcow2", "bare", {
    kernel_id,
    ramdisk_id,
    os_command_line:
      "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off audit=0 selinux=0 apparmor=0 quiet systemd.show_status=0",
    os_distro: "debian",
    hw_rng_model: "virtio",
    // The config drive is a CD of this controller; its drivers are in the initrd (build-guest.sh says why).
    hw_scsi_model: "virtio-scsi",
    hw_cdrom_bus: "scsi",
    min_disk: 3,
  });
}

/** @returns its id */
async function makeImage(
  session: Session,
  name: string,
  file: string,
  disk_format: string,
  container_format: string,
  more = {},
): Promise<string> {
  const body = { name, disk_format, container_format, visibility: "public", ...more };
  const made = await session.request("image", "/images", { method: "POST", body });
  const { id } = WithId.parse(made);
  await session.request("image", `/images/${id}/file`, {
    method: "PUT",
    stream: fs.createReadStream(file),
    headers: { "content-type": "application/octet-stream" },
  });
  return id;
}

async function makeExternalNetwork(session: Session): Promise<void> {
  const network_id = idOf(
    await session.request("network", "/networks", {
      method: "POST",
      body: {
        network: {
          name: EXTERNAL_NETWORK,
          "router:external": true,
          "provider:network_type": "flat",
          "provider:physical_network": "external",
        },
      },
    }),
    "network",
  );
  await session.request("network", "/subnets", {
    method: "POST",
    body: {
      subnet: {
        name: EXTERNAL_NETWORK,
        network_id,
        ip_version: 4,
        cidr: EXTERNAL_CIDR,
        gateway_ip: HOST_ADDRESS,
        enable_dhcp: false,
        allocation_pools: [EXTERNAL_POOL],
      },
    },
  });
}
