/** Whether the project may still make what `up` makes. */
import * as z from "zod";
import { OpenStackError, type Session } from "../../../openstack/session";
import {
  fail,
  notChecked,
  numberSetting,
  pass,
  textSetting,
  type Check,
  type Subject,
} from "./check";
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
  subject: Subject,
  flavor: Flavor | undefined,
): Promise<Looked> {
  const short: string[] = [];
  const enough = (what: string, used: number, limit: number, needed: number) => {
    if (limit >= 0 && used + needed > limit)
      short.push(`${what}: ${used} of ${limit} used, ${needed} needed`);
  };
  const { absolute } = Limits.parse(await session.request("compute", "/limits")).limits;
  const members = membersOf(subject);
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
  return {
    check: [
      short.length === 0
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

function membersOf(subject: Subject): number {
  return numberSetting(subject, "members") ?? 1;
}

function neutronNeeds(subject: Subject): Readonly<Record<string, number>> {
  const cidrs = ["sshCidrs", "clientCidrs"].map((setting) => subject.setting(setting));
  const rules = cidrs.reduce<number>(
    (sum, list) => sum + (Array.isArray(list) ? list.length : 0),
    // Two for what goes out; two more between members.
    membersOf(subject) > 1 ? 4 : 2,
  );
  const own = textSetting(subject, "network") === undefined;
  const port = membersOf(subject) + (own ? 1 : 0);
  return { port, ...ALWAYS, security_group_rule: rules, ...(own ? OWN_NETWORK : {}) };
}

function floatingIps(subject: Subject, quota: z.infer<typeof Quota> | undefined): Check {
  const [id, title] = ["floating-ips", "Floating IPs"] as const;
  if ([false, "false"].includes(subject.setting("floatingIp") as boolean | string)) {
    return pass(id, title, "none is wanted (floatingIp is false)");
  }
  if (quota === undefined) return notChecked(id, title, "neutron does not tell its quota");
  const found = `${quota.used} of ${quota.limit < 0 ? "any number" : quota.limit} used`;
  return quota.limit >= 0 && quota.used + membersOf(subject) > quota.limit
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
