/** What `up` needs of an OpenStack. */
import { CloudError } from "../../../openstack/cloud-error";
import { findCredentials, type Credentials } from "../../../openstack/credentials";
import { OpenStackError, openSession, type Session } from "../../../openstack/session";
import type { ServiceType } from "../../../openstack/catalog";
import { accessCheck } from "./access";
import type { BackupFacts } from "./backup";
import { fail, notChecked, pass, unknownAmong, type Check, type CloudSubject } from "./check";
import { flavorCheck, imageCheck, networkCheck, TITLES, type Looked } from "./offer";
import { quotaChecks } from "./quota";

/** Everything that can be asked without making anything. */
export async function cloudChecks(
  subject: CloudSubject,
  facts: BackupFacts | undefined,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  let credentials: Credentials;
  let session: Session;
  try {
    credentials = findCredentials(env, process.cwd());
    session = await openSession(credentials, signal);
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    const rest = ["services", "image", "flavor", "quota", "network", "floating-ips"];
    return [
      fail(
        "credentials",
        "Credentials",
        error.message,
        "`openstack token issue` must work in this shell",
      ),
      ...rest.map((id) => notChecked(id, TITLES[id] ?? id, "needs the credentials")),
      await accessCheck(subject, undefined),
    ];
  }
  const { projectName, region, roles } = session;
  const login = pass(
    "credentials",
    "Credentials",
    `project ${projectName}, region ${region ?? "none"}, roles ${roles.join(", ") || "unknown"}`,
  );
  const flavor = await attempt("flavor", () => flavorCheck(session, subject, facts));
  const checks = await Promise.all([
    attempt("services", () => Promise.resolve(servicesCheck(session, subject))),
    attempt("image", () => imageCheck(session, subject, flavor.found)),
    Promise.resolve(flavor),
    quotaChecks(session, subject, flavor.found).catch((error: unknown) => ({
      check: refused("quota", error),
      found: undefined,
    })),
    attempt("network", () => networkCheck(session, subject)),
  ]);
  const access = await accessCheck(subject, new URL(credentials.authUrl));
  return [login, ...checks.flatMap(({ check }) => check), access];
}

async function attempt(id: string, look: () => Promise<Looked>): Promise<Looked> {
  try {
    return await look();
  } catch (error) {
    return { check: refused(id, error) };
  }
}

/** A service that does not answer a question is no reason to keep quiet about the others. */
function refused(id: string, error: unknown): Check {
  if (!(error instanceof OpenStackError || error instanceof CloudError)) throw error;
  return fail(id, TITLES[id] ?? id, error.message, "ask whoever runs the cloud, or try again");
}

function servicesCheck(session: Session, subject: CloudSubject): Looked {
  const unknown = unknownAmong(subject, "dataVolumeGiB");
  if (unknown !== undefined) return { check: notChecked("services", "Services", unknown) };
  const volume: ServiceType[] = subject.settings.dataVolumeGiB === undefined ? [] : ["volumev3"];
  const needed: readonly ServiceType[] = ["compute", "network", "image", ...volume];
  const missing = needed.filter((service) => !session.offers(service));
  return {
    check:
      missing.length === 0
        ? pass("services", "Services", needed.join(", "))
        : fail(
            "services",
            "Services",
            `the catalogue has no ${missing.join(", no ")}`,
            "set region_name (OS_REGION_NAME) to a region that has them, or leave dataVolumeGiB out",
          ),
  };
}
