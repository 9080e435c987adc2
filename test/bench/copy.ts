/**
 * A backup copied to a machine by our copy and by `scp`, in turn: each with a connection of its own, as a user does it.
 * Needs root, as the machine tests do.
 */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { bootMachine, type Machine } from "../../labs/machine/machine";
import { ensureGuest, obstacles, suitesHere } from "../../labs/machine/root";
import { toolsDirOf } from "../../machine/programs/find";
import { copyFile, reconnecting } from "../../machine/ssh/ssh-copy";
import { MACHINE, writeSshFiles, type SshRoute } from "../../machine/ssh/ssh-files";
import { makeSshKey } from "../../machine/ssh/ssh-keys";
import { reach } from "../../machine/ssh/reach";
import { cloudInit, VM } from "../../machine/vm/cloud-init";
import { measure, median, RUNS } from "./measure";

export interface CopyFigures {
  readonly fileBytes: number;
  readonly ours: CopyFigure;
  readonly scp: CopyFigure;
}

/** Medians. */
export interface CopyFigure {
  readonly seconds: number;
  /** Of processors, at both ends: what others do on this computer does not count. */
  readonly cpuSeconds: number;
}

/** Addresses of documentation (RFC 5737) that no test uses. */
const WIRE = { host: "192.0.2.241", guest: "192.0.2.242" };
/** The cipher that `scp` takes of itself, and not the first of ours. */
const AS_IT_COMES = ["-o", "Ciphers=chacha20-poly1305@openssh.com"];
const BOOT_LIMIT_MS = 300_000;
const never = new AbortController().signal;

/** Boots a machine and copies the file to it. */
export async function benchCopy(file: string): Promise<CopyFigures> {
  const problems = obstacles();
  if (problems.length > 0) throw new Error(`no machine can be booted here: ${problems.join("; ")}`);
  const [suite = ""] = suitesHere();
  const { root } = await ensureGuest(suite, toolsDirOf({}), (line) =>
    process.stderr.write(`${line}\n`),
  );
  const [login, host] = [makeSshKey("bench"), makeSshKey("bench-host")];
  const route: SshRoute = {
    ...{ host: WIRE.guest, port: 22, user: VM.user },
    ...{ privateKey: login.privateKey, hostKey: host.publicKey },
  };
  const machine = await bootMachine({
    ...{ name: "bench", root, uuid: randomUUID(), hostname: "bench", publicKey: login.publicKey },
    ...{ mac: "fa:16:3e:00:00:fe", address: "10.88.0.5", netmask: "255.255.255.0" },
    ...{ gateway: "10.88.0.1", wire: WIRE, bridge: "erbbench" },
    userData: cloudInit({
      ...{ hostname: "bench", loginKey: login.publicKey, hostKey: host },
      ...{ install: { kind: "upload" }, environment: 'ETCD_NAME="bench"\n' },
    }),
  });
  try {
    await untilReady(machine);
    return await inTurn(file, route, machine);
  } finally {
    await machine.down();
  }
}

async function untilReady(machine: Machine): Promise<void> {
  const deadline = Date.now() + BOOT_LIMIT_MS;
  for (;;) {
    const there = await machine.run("test", "-f", VM.readyMarker).then(
      () => true,
      () => false,
    );
    if (there && (await reach(WIRE.guest, 22, 1000)) !== undefined) return;
    if (Date.now() > deadline) throw new Error(`it did not boot:\n${await machine.console()}`);
    await sleep(1000);
  }
}

async function inTurn(file: string, route: SshRoute, machine: Machine): Promise<CopyFigures> {
  const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
  const to = `${VM.uploadDirectory}/bench.db`;
  const ours: CopyFigure[] = [];
  const scp: CopyFigure[] = [];
  const files = writeSshFiles(route);
  try {
    for (let run = 0; run < RUNS; run += 1) {
      await machine.run("rm", "-f", to);
      const copyOurs = async () => {
        const connection = reconnecting(route, never);
        await copyFile(connection, { from: file, to, sha256, title: "it" }, () => undefined);
        await connection.close();
      };
      ours.push(await figure(machine, copyOurs));
      await expectSame(machine, to, sha256);
      await machine.run("rm", "-f", to);
      const copied = ["scp", "-q", "-F", files.config, ...AS_IT_COMES, file, `${MACHINE}:${to}`];
      scp.push(await figure(machine, () => measure(copied)));
      await expectSame(machine, to, sha256);
    }
  } finally {
    files.remove();
  }
  const fileBytes = statSync(file).size;
  return { fileBytes, ours: medians(ours), scp: medians(scp) };
}

async function figure(machine: Machine, work: () => Promise<unknown>): Promise<CopyFigure> {
  const [began, cpu] = [performance.now(), await cpuSeconds(machine)];
  await work();
  const seconds = (performance.now() - began) / 1000;
  return { seconds, cpuSeconds: (await cpuSeconds(machine)) - cpu };
}

function medians(figures: readonly CopyFigure[]): CopyFigure {
  return {
    seconds: median(figures.map(({ seconds }) => seconds)),
    cpuSeconds: median(figures.map((each) => each.cpuSeconds)),
  };
}

/** What this process, those of its children that have ended, and all of the machine have used so far. */
async function cpuSeconds(machine: Machine): Promise<number> {
  const { user, system } = process.cpuUsage();
  // proc(5): fields 16 and 17 are those of the children, in ticks of which there are 100 in a second.
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ") ?? [];
  const children = (Number(fields[13]) + Number(fields[14])) / 100;
  const there = await machine.run("cat", "/sys/fs/cgroup/cpu.stat");
  return (user + system + Number(/usage_usec (\d+)/.exec(there)?.[1])) / 1e6 + children;
}

async function expectSame(machine: Machine, file: string, sha256: string): Promise<void> {
  const said = await machine.run("sha256sum", file);
  if (!said.startsWith(sha256)) throw new Error("the copy holds something else");
}

export function describeCopy({ fileBytes, ours, scp }: CopyFigures): string {
  const megabytes = (fileBytes / 1e6).toFixed(0);
  return [
    `${megabytes} MB copied to a machine over SSH, median of ${RUNS}, in turn`,
    `ours ${ours.seconds.toFixed(2)} s, scp ${scp.seconds.toFixed(2)} s: time x${(scp.seconds / ours.seconds).toFixed(2)}`,
    `of processors, both ends: ours ${ours.cpuSeconds.toFixed(2)} s, scp ${scp.cpuSeconds.toFixed(2)} s: ` +
      `x${(scp.cpuSeconds / ours.cpuSeconds).toFixed(2)}`,
  ].join("\n");
}
