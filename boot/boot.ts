/**
 * The proof of use: a backup restored beside, a kube-apiserver on it that must list what the file holds, and a life of
 * the store. Whatever happens, nothing of it is left.
 */
import type { Check, Phase } from "../etcd/report/report";
import { ApiError } from "./api-client";
import { startApiServer } from "./api-server";
import { makeTls, startClone, type Clone } from "./clone";
import type { Enclosure, Isolation } from "./enclosure";
import { openEnclosure } from "./local-enclosure";
import { openMachineEnclosure } from "./machine-enclosure";
import {
  figuresOf,
  goneCheck,
  listAndCompare,
  readyCheck,
  type KubernetesFigures,
} from "./kubernetes";
import { defaultBase } from "./leftovers";
import { liveOn } from "./life";
import { rangesOf } from "./ranges";
import type { BootRequest, BootStore } from "./boot-request";
import { type Plan, planOf } from "./boot-plan";

export interface BootResult {
  readonly checks: readonly Check[];
  readonly phases: readonly Phase[];
  readonly isolation: Isolation;
  /** Version of the clone's etcd. */
  readonly etcdVersion: string;
  readonly kubernetes?: KubernetesFigures | undefined;
}

/**
 * Boots a backup. What the backup is found to be is in the checks; what the computer lacks is thrown.
 * @throws EtcdProgramsError where programs are missing, MachineError where the clone cannot be made
 */
export async function boot(request: BootRequest): Promise<BootResult> {
  const { say } = request;
  const clock = phaseClock();
  const plan = await planOf(request);
  clock.end("install");
  const enclosure = await open(request);
  let result: Pick<BootResult, "checks" | "kubernetes">;
  try {
    result = await inside(enclosure, request, plan, clock);
  } finally {
    say("removing the clone");
    await enclosure.close();
  }
  clock.end("destroy");
  const { isolation } = enclosure;
  return { ...result, phases: clock.phases, isolation, etcdVersion: plan.etcd.version };
}

function open({ machine, main, tell, signal, ...request }: BootRequest): Promise<Enclosure> {
  const { base = defaultBase() } = request;
  if (machine === undefined) return openEnclosure(base, signal);
  const { bytes } = main.snapshot;
  return openMachineEnclosure({ route: machine, bytes, base, tell }, signal);
}

async function inside(
  enclosure: Enclosure,
  request: BootRequest,
  plan: Plan,
  clock: PhaseClock,
): Promise<Pick<BootResult, "checks" | "kubernetes">> {
  const { main, events, say, tell, signal } = request;
  const tls = await makeTls(enclosure);
  const programs = {
    ...plan.etcd,
    etcd: await enclosure.bring(plan.etcd.etcd),
    etcdutl: await enclosure.bring(plan.etcd.etcdutl),
  };
  const cloneOf = (name: string, { snapshot, path }: BootStore): Promise<Clone> => {
    say(`restoring a clone of the backup (${name})`);
    const wanted = { name, snapshot, path, programs, tls };
    return startClone(enclosure, wanted, signal);
  };
  const clone = await cloneOf("main", main);
  const clones = { main: clone, events: events && (await cloneOf("events", events)) };
  clock.end("restore");
  const asked = await askKubernetes(enclosure, clones, request, plan);
  if (plan.api !== undefined) clock.end("boot");
  if (request.life) say("leading the clone through a life");
  const lived = request.life ? await liveOn(enclosure, clone, request.user, tell, signal) : [];
  if (request.life) clock.end("life");
  return { checks: [...asked.checks, ...lived], kubernetes: asked.kubernetes };
}

async function askKubernetes(
  enclosure: Enclosure,
  clones: { readonly main: Clone; readonly events: Clone | undefined },
  { encryptionConfig, main, say, tell, signal }: BootRequest,
  { api, expectation, checks }: Plan,
): Promise<Pick<BootResult, "checks" | "kubernetes">> {
  if (api === undefined) return { checks };
  const { program, told } = api;
  say(`starting kube-apiserver ${program.version} (${told.from})`);
  const { root } = expectation.main.stored;
  const file = await enclosure.bring(program.file);
  const ranges = rangesOf(main.snapshot.live, root);
  const keys = main.snapshot.live.count;
  const wanted = { program: { ...program, file }, ...clones, root, ranges, encryptionConfig };
  const server = await startApiServer(enclosure, wanted, keys, signal);
  const ready = readyCheck(server, program.version, enclosure.isolation.machine);
  if (!server.ready) {
    await server.stop();
    return { checks: [ready, ...checks] };
  }
  const began = Date.now();
  const listing = await listAndCompare(server.client, expectation, tell).catch((error: unknown) => {
    if (error instanceof ApiError) return error.message;
    throw error;
  });
  await server.stop();
  if (typeof listing === "string") return { checks: [ready, goneCheck(listing), ...checks] };
  const kubernetes = figuresOf(listing, {
    ...{ version: program.version, versionFrom: told.from, readySeconds: server.seconds },
    listSeconds: (Date.now() - began) / 1000,
  });
  return { checks: [ready, ...listing.checks, ...checks], kubernetes };
}

interface PhaseClock {
  readonly phases: Phase[];
  /** Ends a phase that began where the one before ended. */
  end(name: Phase["name"]): void;
}

function phaseClock(): PhaseClock {
  const phases: Phase[] = [];
  let from = Date.now();
  return {
    phases,
    end(name) {
      phases.push({ name, seconds: (Date.now() - from) / 1000 });
      from = Date.now();
    },
  };
}
