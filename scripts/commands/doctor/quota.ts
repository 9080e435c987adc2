/** Whether the project may still make what `up` makes. */
import * as z from "zod";
import { OpenStackError, type Session } from "../../../openstack/session";
import { fail, notChecked, pass, unknownAmong, type Check, type CloudSubject } from "./check";
import type { Flavor, Looked } from "./offer";

/** Nova's own names (`/limits`); -1 is without end. */
const Limits = z.object({
  limits: z.object({
    absolute: z.object({
      maxTotalInstances: z.number(),
      totalInstancesUsed: z.number(),
      maxTotalCores: z.number(),
      totalCoresUsed: z.number(),
      maxTotalRAMSize: z.number(),
      totalRAMUsed: z.number(),
    }),
  }),
});
const Quota = z.object({ limit: z.number(), used: z.number() });
const Details = z.object({ quota: z.record(z.string(), Quota) });

/** What one stack makes in neutron beside a port for each member, without a network of its own and with it. */
const ALWAYS = { security_group: 1 };
const OWN_NETWORK = { network: 1, subnet: 1, router: 1 }; // the router's interface is a port, too

/** The first says what is short, the second looks at floating IPs. */
export async function quotaChecks(
  session: Session,
  subject: CloudSubject,
  flavor: Flavor | undefined,
): Promise<Looked> {
  const short: string[] = [];
  const enough = (what: string, used: number, limit: number, needed: number) => {
    if (limit >= 0 && used + needed > limit)
      short.push(`${what}: ${used} of ${limit} used, ${needed} needed`);
  };
  const { absolute } = Limits.parse(await session.request("compute", "/limits")).limits;
  const { members } = subject.settings;
  enough("servers", absolute.totalInstancesUsed, absolute.maxTotalInstances, members);
  if (flavor !== undefined) {
    const { vcpus, ram } = flavor;
    enough("vCPU", absolute.totalCoresUsed, absolute.maxTotalCores, members * vcpus);
    enough("MiB of memory", absolute.totalRAMUsed, absolute.maxTotalRAMSize, members * ram);
  }
  const details = await neutronQuota(session);
  const needed = neutronNeeds(subject);
  for (const [what, count] of Object.entries(needed)) {
    const quota = details?.[what];
    if (quota !== undefined) enough(what.replaceAll("_", " "), quota.used, quota.limit, count);
  }
  const checked = `room for ${members === 1 ? "one server" : `${members} servers`}${flavor === undefined ? "" : ` of ${flavor.name}`}${
    details === undefined
      ? " (neutron does not tell its quota)"
      : `, ${Object.entries(needed)
          .map(([what, count]) => `${count} ${what.replaceAll("_", " ")}${count === 1 ? "" : "s"}`)
          .join(", ")}`
  }`;
  const unknown = unknownAmong(subject, "members", "network", "sshCidrs", "clientCidrs");
  return {
    check: [
      unknown !== undefined
        ? notChecked("quota", "Quota", unknown)
        : short.length === 0
          ? pass("quota", "Quota", checked)
          : fail(
              "quota",
              "Quota",
              short.join("; "),
              "remove what is not needed (`openstack server list`), or ask for more quota",
            ),
      floatingIps(subject, details?.floatingip),
    ],
  };
}

function neutronNeeds({ settings }: CloudSubject): Readonly<Record<string, number>> {
  const { members, network, sshCidrs, clientCidrs } = settings;
  // Two for what goes out; two more between members.
  const rules = sshCidrs.length + clientCidrs.length + (members > 1 ? 4 : 2);
  const own = network === undefined;
  const port = members + (own ? 1 : 0);
  return { port, ...ALWAYS, security_group_rule: rules, ...(own ? OWN_NETWORK : {}) };
}

function floatingIps(subject: CloudSubject, quota: z.infer<typeof Quota> | undefined): Check {
  const [id, title] = ["floating-ips", "Floating IPs"] as const;
  const unknown = unknownAmong(subject, "floatingIp", "members");
  if (unknown !== undefined) return notChecked(id, title, unknown);
  if (!subject.settings.floatingIp) {
    return pass(id, title, "none is wanted (floatingIp is false)");
  }
  if (quota === undefined) return notChecked(id, title, "neutron does not tell its quota");
  const found = `${quota.used} of ${quota.limit < 0 ? "any number" : quota.limit} used`;
  return quota.limit >= 0 && quota.used + subject.settings.members > quota.limit
    ? fail(
        id,
        title,
        found,
        "release one (`openstack floating ip list`), or set floatingIp to false and reach the VM by its own address",
      )
    : pass(id, title, found);
}

/** Undefined where neutron has no such extension, or lets only its administrator see it. */
async function neutronQuota(
  session: Session,
): Promise<z.infer<typeof Details>["quota"] | undefined> {
  try {
    const path = `/quotas/${session.projectId}/details.json`;
    return Details.parse(await session.request("network", path)).quota;
  } catch (error) {
    if (error instanceof OpenStackError && [403, 404].includes(error.status)) return undefined;
    throw error;
  }
}
