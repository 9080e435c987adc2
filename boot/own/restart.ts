/**
 * The restart of what stays: restores are known that were gone after the first one. The etcd of a stack is stopped and
 * started once after its proof, member by member, and must hold then what it held before; while one member of several
 * is away, the others must serve. Nothing is written.
 */
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { memberHash } from "../../etcd/proof/members";
import { ALL_KEYS } from "../../etcd/proof/plan";
import { openEtcd, type EtcdClient } from "../../etcd/client/etcd-client";
import type { Endpoint } from "../../etcd/client/endpoint";
import { EtcdError } from "../../etcd/client/etcd-error";
import type { Report } from "../../etcd/report/report";
import type { Snapshot } from "../../etcd/snapshot/snapshot";
import { MachineError } from "../../machine/machine-error";
import { runOf, type MemberRun } from "../../machine/restore/in-step";
import { shellLine } from "../../machine/shell/quote";
import type { SshRoute } from "../../machine/ssh/ssh-files";
import { openSession } from "../../machine/ssh/ssh-session";
import { proveOneByOne, type Ordeal, type OwnMembers } from "./members";

export interface OwnRestart extends OwnMembers {
  /** For each member the shell command that takes `start` and `stop`, on its machine where there is a way to one. */
  readonly services: readonly string[];
  readonly routes: readonly (SshRoute | undefined)[];
}

/** What it takes to stop a member, and to start it. */
export type OwnService = Pick<OwnRestart, "services" | "routes" | "signal">;

/** How long an etcd may take until it serves again, beside a second for each 20 MB of its store. */
const SERVE_LIMIT_MS = 60_000;
/** An election takes a second or two; a machine that is busy takes longer. */
const ELECTION_LIMIT_MS = 30_000;
const PAUSE_MS = 50;

const RESTART: Ordeal = {
  id: "life-own-restart",
  title: "The same after a restart",
  verb: "restart",
  lost: "the member before it did not come back",
};

/**
 * The report with a check for each member that was stopped and came back.
 * @param request its endpoints are reached
 */
export function proveOwnRestart(report: Report, request: OwnRestart): Promise<Report> {
  const { endpoints, signal } = request;
  return proveOneByOne(report, request, RESTART, async (at, snapshot) => {
    const [own, other] = [endpoints[at], endpoints.find((_, i) => i !== at)];
    if (own === undefined) throw new RangeError(`there is no member ${at}`);
    await away(at, request, async () => {
      if (other !== undefined) await readThrough(other, snapshot, signal);
    });
    await untilServing(own, snapshot, signal);
    const hash = await memberHash(own, snapshot, signal);
    return { hash, othersServed: other !== undefined };
  });
}

/** Does some work while a member is stopped. It is started again whatever happens, even when this process is killed. */
export async function away(
  at: number,
  request: OwnService,
  work: () => Promise<void>,
): Promise<void> {
  const { run, close } = await begin(at, request);
  try {
    if ((await run.next()) === undefined) throw ended("be stopped", await run.ended);
    await work();
  } finally {
    run.letGo();
    const code = await run.ended;
    await close();
    // Whatever went wrong before, this is worse.
    if (code !== 0) throw ended("be started again", code);
  }
}

function ended(what: string, code: number): MachineError {
  return new MachineError("environment", `etcd could not ${what}: its service ended with ${code}`);
}

/** Stops; says so; starts when stdin ends, by a word or with us. No signal, and no reader that is gone, ends it before. */
async function begin(
  at: number,
  { services, routes, signal }: OwnService,
): Promise<{ readonly run: MemberRun; readonly close: () => Promise<void> }> {
  const [service, route] = [services[at], routes[at]];
  if (service === undefined) throw new RangeError(`there is no service of member ${at}`);
  const script =
    `trap : INT TERM HUP PIPE; ${service} stop >/dev/null 2>&1 || exit; echo '{"at":"stopped"}'; ` +
    `read -r _; ${service} start >/dev/null 2>&1`;
  if (route === undefined) {
    const stdio = ["pipe", "pipe", "ignore"] as const;
    const child = spawn("bash", ["-c", script], { detached: true, stdio: [...stdio] });
    return { run: runOf(child), close: () => Promise.resolve() };
  }
  const session = await openSession(route, signal);
  // A unit of its own: it ends well also when this connection is cut.
  const unit = ["sudo", "systemd-run", "--quiet", "--pipe", "--wait", "--collect"];
  const child = session.begin(shellLine(...unit, "bash", "-c", script), () => undefined);
  return { run: runOf(child), close: () => session.close() };
}

/** A linearizable read, which the members that are left must agree on. */
function readThrough(endpoint: Endpoint, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
  return until(ELECTION_LIMIT_MS, endpoint, signal, async (client) => {
    const keys = await client.count(ALL_KEYS, snapshot.revision);
    if (keys === snapshot.live.count) return;
    throw new MachineError(
      "environment",
      `with a member away the others have ${keys} keys of ${snapshot.live.count}`,
    );
  });
}

/** Waits until an etcd answers; a large store takes its time to be loaded. */
export function untilServing(
  endpoint: Endpoint,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<void> {
  const limit = SERVE_LIMIT_MS + snapshot.bytes / 20_000;
  return until(limit, endpoint, signal, async (client) => {
    await client.status();
  });
}

/** Asks again and again until it is answered, or the time is over. */
async function until(
  limitMs: number,
  endpoint: Endpoint,
  signal: AbortSignal,
  ask: (client: EtcdClient) => Promise<void>,
): Promise<void> {
  const end = Date.now() + limitMs;
  for (;;) {
    const client = openEtcd(endpoint, signal);
    try {
      await ask(client);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EtcdError) || Date.now() > end) throw error;
    } finally {
      client.close();
    }
    await delay(PAUSE_MS, undefined, { signal });
  }
}
