/**
 * The reboot of what stays: restores are known that served until the machine itself started again, because a unit was not
 * enabled, or a volume not mounted. Each machine is rebooted once after everything else was proved, one after the other,
 * and its etcd must come up by itself and hold what it held before.
 */
import { setTimeout as delay } from "node:timers/promises";
import { bumped } from "../etcd/proof/bumped";
import { memberHash } from "../etcd/proof/members";
import type { Endpoint } from "../etcd/client/endpoint";
import { EtcdError } from "../etcd/client/etcd-error";
import { wallClock } from "../etcd/report/end";
import type { Check, Report } from "../etcd/report/report";
import { overallVerdict } from "../etcd/report/verdict";
import type { Snapshot } from "../etcd/snapshot/snapshot";
import { MachineError } from "../machine/machine-error";
import type { SshRoute } from "../machine/ssh/ssh-files";
import { openSession, type SshSession } from "../machine/ssh/ssh-session";
import { untilServing } from "./own-restart";
import { throughSsh } from "./through-ssh";

export interface OwnReboot {
  readonly snapshot: Snapshot;
  /** By how much the revision was bumped at the restore. Default: it was not. */
  readonly bumpedBy?: number | undefined;
  /** Of all members, as they are named: no tunnel outlives the reboot of its machine. */
  readonly endpoints: readonly Endpoint[];
  /** The way to the machine of each. */
  readonly routes: readonly SshRoute[];
  /** Told what begins. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** How long a machine may take to come back: firmware, kernel, file system checks of a large volume. */
const BOOT_LIMIT_MS = 600_000;
const PAUSE_MS = 1_000;
/** The kernel's own name for this boot of it. */
const BOOT_ID = "cat /proc/sys/kernel/random/boot_id";

/** The report with a check for each machine that was rebooted. */
export async function proveOwnReboot(report: Report, request: OwnReboot): Promise<Report> {
  const { endpoints, snapshot: file, bumpedBy, signal } = request;
  const began = Date.now();
  const snapshot = bumpedBy === undefined ? file : bumped(file, bumpedBy);
  const own: Check[] = [];
  for (const at of endpoints.keys()) {
    const alone = endpoints.length === 1;
    const name = report.members?.[at]?.name ?? "";
    const check = {
      id: alone ? "life-reboot" : `life-reboot-${at + 1}`,
      title: `The same after a reboot of its machine${alone ? "" : `: ${name}`}`,
      source: "file",
    };
    const lost = own.some(({ verdict }) => verdict !== "pass");
    const reason = "the machine before it did not come back as it was";
    own.push(
      lost
        ? { ...check, verdict: "not-checked", reason }
        : await rebootOne(at, check, { ...request, snapshot }),
    );
    signal.throwIfAborted();
  }
  const checks = [...report.checks, ...own];
  const seconds = (Date.now() - began) / 1000;
  const before = report.phases.find(({ name }) => name === "life")?.seconds ?? 0;
  const phases = [
    ...report.phases.filter(({ name }) => name !== "life"),
    { name: "life" as const, seconds: before + seconds },
  ];
  const whole = wallClock(new Date(report.startedAt), phases);
  return { ...report, verdict: overallVerdict(checks), seconds: whole, phases, checks };
}

async function rebootOne(
  at: number,
  check: Pick<Check, "id" | "title" | "source">,
  { snapshot, endpoints, routes, tell, signal }: OwnReboot,
): Promise<Check> {
  const [endpoint, route] = [endpoints[at], routes[at]];
  if (endpoint === undefined || route === undefined) throw new RangeError(`no machine ${at}`);
  tell(`reboot: ${check.title}`);
  const began = Date.now();
  try {
    await reboot(route, tell, signal);
    return await throughSsh(endpoint, route, signal, async (reached) => {
      await untilServing(reached, snapshot, signal);
      const hash = await memberHash(reached, snapshot, signal);
      const seconds = ((Date.now() - began) / 1000).toFixed(0);
      return {
        ...{ ...hash, ...check },
        expected: `HashKV ${hash.expected ?? ""}`,
        found: `HashKV ${hash.found ?? "not told"}, in ${seconds} s`,
      };
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EtcdError) && !(error instanceof MachineError)) throw error;
    return { ...check, verdict: "fail", found: "it does not serve", reason: error.message };
  }
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
