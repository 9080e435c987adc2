/**
 * The reboot of what stays: restores are known that served until the machine itself started again, because a unit was not
 * enabled, or a volume not mounted. Each machine is rebooted once after everything else was proved, one after the other,
 * and its etcd must come up by itself and hold what it held before.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Endpoint } from "../../etcd/client/endpoint";
import { memberHash } from "../../etcd/proof/members";
import type { Report } from "../../etcd/report/report";
import { MachineError } from "../../machine/machine-error";
import type { SshRoute } from "../../machine/ssh/ssh-files";
import { openSession, type SshSession } from "../../machine/ssh/ssh-session";
import { proveOneByOne, type Ordeal, type OwnMembers } from "./members";
import { untilServing } from "./restart";

/** Its endpoints are as they are named: no tunnel outlives the reboot of its machine. */
export interface OwnReboot extends OwnMembers {
  /** The way to the machine of each. */
  readonly routes: readonly SshRoute[];
  /** Does some work with an endpoint, through the SSH of its machine where there is no other way. */
  readonly reach: <T>(
    endpoint: Endpoint,
    route: SshRoute,
    signal: AbortSignal,
    work: (reached: Endpoint) => Promise<T>,
  ) => Promise<T>;
}

/** How long a machine may take to come back: firmware, kernel, file system checks of a large volume. */
const BOOT_LIMIT_MS = 600_000;
const PAUSE_MS = 1_000;
/** The kernel's own name for this boot of it. */
const BOOT_ID = "cat /proc/sys/kernel/random/boot_id";

const REBOOT: Ordeal = {
  id: "life-reboot",
  title: "The same after a reboot of its machine",
  verb: "reboot",
  lost: "the machine before it did not come back as it was",
};

/** The report with a check for each machine that was rebooted. */
export function proveOwnReboot(report: Report, request: OwnReboot): Promise<Report> {
  const { endpoints, routes, reach, tell, signal } = request;
  return proveOneByOne(report, request, REBOOT, async (at, snapshot) => {
    const [endpoint, route] = [endpoints[at], routes[at]];
    if (endpoint === undefined || route === undefined) throw new RangeError(`no machine ${at}`);
    await reboot(route, tell, signal);
    return reach(endpoint, route, signal, async (reached) => {
      await untilServing(reached, snapshot, signal);
      return { hash: await memberHash(reached, snapshot, signal) };
    });
  });
}

/**
 * Reboots a machine, and waits until it is another boot of it that answers.
 * @throws MachineError when it takes no order, or does not come back in ten minutes
 */
async function reboot(
  route: SshRoute,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const before = await inSession(route, signal, async (session) => {
    const { code, stdout } = await session.run(BOOT_ID);
    let said = "";
    const onStderr = (text: string) => (said += text);
    const ordered = await session.run("sudo systemctl reboot", { onStderr });
    // 255: the connection went with the machine.
    if (code === 0 && (ordered.code === 0 || ordered.code === 255)) return stdout;
    const reason = said.trim().split("\n").at(-1) ?? "";
    throw new MachineError("environment", `${route.host} could not be rebooted: ${reason}`);
  });
  const began = Date.now();
  for (;;) {
    await delay(PAUSE_MS, undefined, { signal });
    const seconds = Math.round((Date.now() - began) / 1000);
    tell(`reboot: waiting for ${route.host}, ${seconds} s`);
    try {
      const now = await inSession(route, signal, (session) => session.run(BOOT_ID));
      if (now.code === 0 && now.stdout !== before) return;
    } catch (error) {
      // It is away: every try to connect takes up to a minute itself.
      if (!(error instanceof MachineError)) throw error;
    }
    if (Date.now() - began > BOOT_LIMIT_MS) {
      const limit = `${BOOT_LIMIT_MS / 60_000} minutes`;
      throw new MachineError("environment", `${route.host} did not come back in ${limit}`);
    }
  }
}

async function inSession<T>(
  route: SshRoute,
  signal: AbortSignal,
  work: (session: SshSession) => Promise<T>,
): Promise<T> {
  const session = await openSession(route, signal);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
