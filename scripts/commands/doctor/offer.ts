/** What a cloud offers for a VM: image, flavor, networks. */
import * as z from "zod";
import { vmNeeds } from "../../../settings/vm-needs";
import type { Session } from "../../../openstack/session";
import { listingOf, nothingOf, severalOf, type CloudName } from "../../../settings/cloud-names";
import type { BackupFacts } from "./backup";
import {
  fail,
  notChecked,
  pass,
  sealedAmong,
  unknownAmong,
  type Check,
  type CloudSubject,
} from "./check";

/** What a check looked at, for the checks that stand on it. */
export interface Looked {
  readonly check: Check | readonly Check[];
  readonly found?: Flavor | undefined;
}

export type Flavor = z.infer<typeof Flavor>;
const Flavor = z.object({
  id: z.string(),
  name: z.string(),
  ram: z.number(),
  disk: z.number(),
  vcpus: z.number(),
});
const Image = z.object({
  id: z.string(),
  name: z.string().nullable(),
  status: z.string(),
  min_disk: z.number().default(0),
  min_ram: z.number().default(0),
});
const Network = z.object({
  id: z.string(),
  name: z.string(),
  subnets: z.array(z.string()).default([]),
  "router:external": z.boolean().default(false),
});

export const TITLES: Readonly<Record<string, string>> = {
  services: "Services",
  image: "Image",
  flavor: "Flavor",
  quota: "Quota",
  network: "Network",
  "floating-ips": "Floating IPs",
};
/** Names that are offered in place of one that is not there. */
const OFFERED = 8;

/** Of the things that a setting may name the only one; else the check that says so, in the words of `up`. */
function only<T extends { readonly id: string; readonly name: string | null }>(
  subject: CloudSubject,
  setting: CloudName,
  all: readonly T[],
): T | Check {
  const what = setting === "externalNetwork" ? "network" : setting;
  const title = TITLES[what] ?? what;
  const closed = sealedAmong(subject, setting);
  if (closed !== undefined) return notChecked(what, title, closed);
  const { [setting]: wanted } = subject.settings;
  const names = [...new Set(all.map(({ name }) => name ?? ""))].filter(Boolean).sort();
  const offer =
    names.length === 0
      ? "none"
      : `${names.slice(0, OFFERED).join(", ")}${names.length > OFFERED ? ", …" : ""}`;
  if (wanted === undefined || wanted === "") {
    return fail(what, title, `${setting} is not set`, `set ${setting} to one of: ${offer}`);
  }
  const found = all.filter(({ id, name }) => id === wanted || name === wanted);
  const [first] = found;
  if (first === undefined) {
    return fail(
      what,
      title,
      nothingOf(setting, wanted),
      `set ${setting} to one of: ${offer} (\`${listingOf(setting)}\`)`,
    );
  }
  return found.length === 1
    ? first
    : fail(
        what,
        title,
        severalOf(setting, wanted),
        `set ${setting} to the id of the one: ${found.map(({ id }) => id).join(", ")}`,
      );
}

/** Whether the flavor is there and large enough for the backup. */
export async function flavorCheck(
  session: Session,
  subject: CloudSubject,
  facts: BackupFacts | undefined,
): Promise<Looked> {
  const { flavors } = z
    .object({ flavors: z.array(Flavor) })
    .parse(await session.request("compute", "/flavors/detail"));
  const flavor = only(subject, "flavor", flavors);
  if ("verdict" in flavor) return { check: flavor };
  const { name, ram, disk, vcpus } = flavor;
  const has = `${name}: ${ram} MiB, ${disk === 0 ? "disk of the image" : `${disk} GiB`}, ${vcpus} vCPU`;
  const unknown = unknownAmong(subject, "dataVolumeGiB", "members");
  if (facts === undefined || unknown !== undefined) {
    const why = unknown ?? "the backup tells what is needed";
    return { check: notChecked("flavor", "Flavor", `${has}; ${why}`), found: flavor };
  }
  const { dataVolumeGiB, members } = subject.settings;
  const needs = vmNeeds(facts, dataVolumeGiB !== undefined, members);
  const found = `${has}; ${needs.ramMiB} MiB and ${needs.diskGiB} GiB needed`;
  const fits = ({ ram: r, disk: d }: Flavor) =>
    r >= needs.ramMiB && (d === 0 || d >= needs.diskGiB);
  const larger = flavors.filter(fits).sort((a, b) => a.ram - b.ram || a.disk - b.disk)[0];
  return {
    check: fits(flavor)
      ? pass("flavor", "Flavor", found)
      : fail(
          "flavor",
          "Flavor",
          found,
          larger === undefined
            ? "no flavor here is large enough; ask whoever runs the cloud"
            : `set flavor to ${larger.name} (${larger.ram} MiB, ${larger.disk} GiB)`,
        ),
    found: flavor,
  };
}

/** Whether the image is there, can be booted, and fits the flavor. */
export async function imageCheck(
  session: Session,
  subject: CloudSubject,
  flavor: Flavor | undefined,
): Promise<Looked> {
  const { images } = z
    .object({ images: z.array(Image) })
    .parse(await session.request("image", "/images?limit=1000"));
  const image = only(subject, "image", images);
  if ("verdict" in image) return { check: image };
  const { id, name, status, min_disk, min_ram } = image;
  const called = name ?? id;
  if (status !== "active") {
    return {
      check: fail("image", "Image", `${called} is ${status}, not active`, "choose another image"),
    };
  }
  const small =
    flavor !== undefined && ((flavor.disk !== 0 && flavor.disk < min_disk) || flavor.ram < min_ram);
  const found = `${called}, active${min_disk > 0 ? `, wants ${min_disk} GiB of disk` : ""}`;
  return {
    check: small
      ? fail(
          "image",
          "Image",
          `${called} wants ${min_disk} GiB of disk and ${min_ram} MiB of memory, flavor ${flavor.name} has ${flavor.disk} and ${flavor.ram}`,
          "choose a larger flavor",
        )
      : pass("image", "Image", found),
  };
}

/** Whether the networks that the stack stands on are there. */
export async function networkCheck(session: Session, subject: CloudSubject): Promise<Looked> {
  const { networks } = z
    .object({ networks: z.array(Network) })
    .parse(await session.request("network", "/networks"));
  const checks: Check[] = [];
  const { network: own, externalNetwork: outside } = subject.settings;
  const closed = sealedAmong(subject, "network");
  if (closed !== undefined) return { check: notChecked("network", "Network", closed) };
  if (own !== undefined) {
    const network = only(subject, "network", networks);
    if ("verdict" in network) checks.push(network);
    else if (network.subnets.length === 0)
      checks.push(
        fail(
          "network",
          "Network",
          `${network.name} has no subnet`,
          "make one: `openstack subnet create`",
        ),
      );
    else
      checks.push(
        pass("network", "Network", `${network.name}, with ${network.subnets.length} subnet(s)`),
      );
  }
  if (own === undefined || outside !== undefined) {
    const external = networks.filter((network) => network["router:external"]);
    const network = only(subject, "externalNetwork", external);
    checks.push("verdict" in network ? network : pass("network", "Network outside", network.name));
  }
  return { check: checks };
}
