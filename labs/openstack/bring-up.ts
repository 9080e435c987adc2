/** From a bare Debian to a cloud that can be used, and back. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { stringify } from "yaml";
import { EXIT, UserError } from "../../scripts/outcome";
import { closeCapsule, findCapsule, openCapsule, STATE_DIR, WIRE } from "./capsule";
import { IMAGES, makeOffer, USER, type GuestFiles } from "./catalog";
import { apiUrl, EXTERNAL_CIDR, REGION } from "./addresses";
import { ensureGuest } from "./guest";
import { installPackages, missingPackages, refuseForeignComputer } from "./packages";
import { startServices, layOut, type Say } from "./services";

/** Name of the lab in its clouds.yaml. */
export const CLOUD = "etcd-restore-lab";
export const CLOUDS_FILE = path.join(STATE_DIR, "clouds.yaml");
/** Logs of a lab that did not come up; the next `up` removes them. */
export const LAST_LOGS = "/var/log/etcd-restore-openstack";

const MIB = 2 ** 20;
/** All services with one server of 1 GiB; emulation takes up to another one. */
const MEMORY_MIB = 4096;
const DISK_MIB = 4096;

/** Brings the lab up; leaves one that runs as it is. After a failure nothing is left but its logs. */
export async function bringUp(toolsDir: string, say: Say, signal: AbortSignal): Promise<void> {
  refuseForeignComputer();
  if (findCapsule() !== undefined && fs.existsSync(CLOUDS_FILE)) {
    say("the lab runs already");
    return;
  }
  refuseSmallComputer();
  refuseTakenNetwork();
  const missing = missingPackages();
  if (missing.length > 0) {
    say(`installing ${missing.length} packages and what they need (about 3 minutes, once)`);
    await installPackages(missing, say, signal);
  }
  const guests: Record<string, GuestFiles> = {};
  for (const [name, suite] of Object.entries(IMAGES)) {
    guests[name] = await ensureGuest(suite, toolsDir, say, signal);
  }
  await takeDown();
  try {
    const password = layOut();
    fs.copyFileSync(path.join(__dirname, "wait-queues.py"), path.join(STATE_DIR, "wait-queues.py"));
    // libvirt asks every emulator what it can: once, and not at every `up`.
    const cache = path.join(toolsDir, "openstack-libvirt");
    fs.mkdirSync(cache, { recursive: true });
    const capsule = await openCapsule(cache, signal);
    say("namespaces, network");
    const session = await startServices(capsule, password, say, signal);
    await makeOffer(session, guests);
    say("images, flavors, network outside");
    writeClouds(password);
  } catch (error) {
    fs.rmSync(LAST_LOGS, { recursive: true, force: true });
    if (fs.existsSync(path.join(STATE_DIR, "log"))) {
      fs.cpSync(path.join(STATE_DIR, "log"), LAST_LOGS, { recursive: true });
    }
    await takeDown();
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      EXIT.environment,
      `the lab did not come up: ${reason}; its logs are in ${LAST_LOGS}`,
    );
  }
}

/** Ends and removes the lab; gives whether there was one. */
export async function takeDown(): Promise<boolean> {
  if (process.getuid?.() !== 0) {
    throw new UserError(EXIT.environment, "the lab is root's; run this with sudo");
  }
  const was = fs.existsSync(STATE_DIR) || fs.existsSync(`/sys/class/net/${WIRE}`);
  await closeCapsule();
  fs.rmSync(STATE_DIR, { recursive: true, force: true });
  return was;
}

function writeClouds(password: string): void {
  const domain = { user_domain_id: "default", project_domain_id: "default" };
  const cloud = (name: string) => ({
    auth: {
      auth_url: `${apiUrl("keystone")}/v3`,
      username: name,
      password,
      project_name: name,
      ...domain,
    },
    region_name: REGION,
    identity_api_version: 3,
  });
  const clouds = { [CLOUD]: cloud(USER), [`${CLOUD}-admin`]: cloud("admin") };
  fs.writeFileSync(CLOUDS_FILE, stringify({ clouds }), { mode: 0o600 });
}

function refuseSmallComputer(): void {
  const available =
    Number(/^MemAvailable:\s+(\d+)/m.exec(fs.readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) /
    1024;
  if (available < MEMORY_MIB) {
    throw new UserError(
      EXIT.environment,
      `the lab needs ${MEMORY_MIB} MiB of memory, ${Math.floor(available)} MiB are free`,
    );
  }
  const { bavail, bsize } = fs.statfsSync(path.dirname(STATE_DIR));
  if ((bavail * bsize) / MIB < DISK_MIB) {
    throw new UserError(
      EXIT.environment,
      `the lab needs ${DISK_MIB} MiB of disk below ${path.dirname(STATE_DIR)}, ${Math.floor((bavail * bsize) / MIB)} MiB are free`,
    );
  }
}

/** The lab's addresses are of a range that is kept for documentation (RFC 5737); somebody may use it all the same. */
function refuseTakenNetwork(): void {
  const prefix = EXTERNAL_CIDR.slice(0, EXTERNAL_CIDR.lastIndexOf(".") + 1);
  const routes = execFileSync("ip", ["-4", "route", "show"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(prefix) && !line.includes(WIRE));
  const own = Object.entries(os.networkInterfaces()).filter(
    ([name, all]) => name !== WIRE && all?.some(({ address }) => address.startsWith(prefix)),
  );
  if (routes.length > 0 || own.length > 0) {
    throw new UserError(
      EXIT.environment,
      `the lab wants ${EXTERNAL_CIDR} for itself, and this computer uses it: ${[...routes, ...own.map(([name]) => name)].join("; ")}`,
    );
  }
}
