/**
 * The proof of use: a backup restored beside, a kube-apiserver on it that must list what the file holds, and a life of
 * the store. Whatever happens, nothing of it is left.
 */
import type { Check, Phase } from "../etcd/report/report";
import { etcdVersionOf, minorToServe, SERVABLE_MINORS } from "../etcd/snapshot/judgement";
import type { Snapshot } from "../etcd/snapshot/snapshot";
import { counted } from "../etcd/wire/figures";
import { ensureApiServer, type ApiServerProgram } from "../machine/programs/api-server";
import { ensureEtcd, type EtcdPrograms } from "../machine/programs/programs";
import type { SshRoute } from "../machine/ssh/ssh-files";
import { ApiError } from "./api-client";
import { startApiServer } from "./api-server";
import { makeTls, startClone, type Clone } from "./clone";
import { definitionsOf } from "./definitions";
import type { Enclosure, Isolation } from "./enclosure";
import { pluginObstacle } from "./kms";
import { openEnclosure } from "./local-enclosure";
import { openMachineEnclosure } from "./machine-enclosure";
import {
  fileChecks,
  figuresOf,
  goneCheck,
  listAndCompare,
  readyCheck,
  type Expectation,
  type KubernetesFigures,
  type Store,
} from "./kubernetes";
import { defaultBase } from "./leftovers";
import { liveOn, type LifeUser } from "./life";
import { storedObjects, type Decrypt } from "./objects";
import { rangesOf } from "./ranges";
import { nextMinor, toldVersion, type ToldVersion } from "./version";

/** A backup that was read. */
export interface BootStore {
  readonly snapshot: Snapshot;
  /** The plain file that it was read from. */
  readonly path: string;
}

export interface BootRequest {
  readonly main: BootStore;
  /** The backup of the events' own etcd. */
  readonly events?: BootStore | undefined;
  /** `off`: no API server. `auto`, `next`, or a version. */
  readonly kubernetes: string;
  readonly life: boolean;
  /** Content of an EncryptionConfiguration. */
  readonly encryptionConfig?: string | undefined;
  /** Reads encrypted values, to compare their uid. Default: names and revisions alone are compared. */
  readonly decrypt?: Decrypt | undefined;
  /** Folder with the etcd programs, and the kube-apiserver. Default: found or installed. */
  readonly etcdPrograms?: string | undefined;
  readonly kubeApiServer?: string | undefined;
  /** Folder for the clone. Default: one of this user in /var/tmp. */
  readonly base?: string | undefined;
  /** The way to the machine that the clone is made on. Default: this computer. */
  readonly machine?: SshRoute | undefined;
  /** Whom the life is led as. Default: root, by a certificate. */
  readonly user?: LifeUser | undefined;
  /** Told what begins. */
  readonly say: (line: string) => void;
  /** Told what is done, several times a second. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface BootResult {
  readonly checks: readonly Check[];
  readonly phases: readonly Phase[];
  readonly isolation: Isolation;
  /** Version of the clone's etcd. */
  readonly etcdVersion: string;
  readonly kubernetes?: KubernetesFigures | undefined;
}

/** What the clone is to be: which programs, and what its API server is compared with. */
interface Plan {
  readonly etcd: EtcdPrograms;
  readonly expectation: Expectation;
  /** Undefined where no API server is to be started; then `checks` say why. */
  readonly api?: { readonly program: ApiServerProgram; readonly told: ToldVersion } | undefined;
  readonly checks: readonly Check[];
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

async function planOf(request: BootRequest): Promise<Plan> {
  const { main, events, kubernetes, say, signal } = request;
  const install = { log: say, signal };
  const own = minorToServe(etcdVersionOf(main.snapshot));
  const newer = SERVABLE_MINORS[SERVABLE_MINORS.findIndex((minor) => minor === own) + 1] ?? own;
  const directory = request.etcdPrograms;
  const etcd = await ensureEtcd(kubernetes === "next" ? newer : own, {
    ...install,
    ...(directory !== undefined && { directory }),
  });
  const store = async ({ snapshot }: BootStore): Promise<Store> => ({
    snapshot,
    stored: await storedObjects(snapshot.live, request.decrypt),
  });
  const mine = await store(main);
  const expectation: Expectation = {
    main: mine,
    events: events && (await store(events)),
    definitions: definitionsOf(main.snapshot.live, mine.stored),
  };
  const plan = { etcd, expectation };
  if (kubernetes === "off") return { ...plan, checks: [] };
  const obstacle = await obstacleOf(request, expectation);
  const told = versionOf(request, mine);
  if (obstacle !== undefined || told === undefined) {
    const reason = obstacle ?? "the backup does not tell its version: name one, --kubernetes 1.35";
    return { ...plan, checks: [notReady(reason), ...fileChecks(expectation)] };
  }
  const file = request.kubeApiServer;
  const program = await ensureApiServer(told.version, { ...install, file });
  return { ...plan, api: { program, told }, checks: fileChecks(expectation) };
}

function versionOf({ kubernetes, main }: BootRequest, { stored }: Store): ToldVersion | undefined {
  if (kubernetes !== "auto" && kubernetes !== "next") {
    return { version: kubernetes.replace(/^v/, ""), from: "the setting" };
  }
  const told = toldVersion(main.snapshot.live, stored);
  if (told === undefined || kubernetes === "auto") return told;
  return { version: nextMinor(told.version), from: `the next of ${told.version}, by ${told.from}` };
}

/** Why no API server can come up on this store, whatever its state. */
async function obstacleOf(
  { encryptionConfig, machine }: BootRequest,
  { main: { stored } }: Expectation,
): Promise<string | undefined> {
  if (stored.count === 0) return "the backup holds no object of Kubernetes";
  if (stored.encrypted > 0 && encryptionConfig === undefined) {
    return (
      `${counted(stored.encrypted, "value")} are encrypted at rest: an API server gets ready only with the cluster's ` +
      "EncryptionConfiguration (--encryption-config, setting encryptionConfig)"
    );
  }
  return encryptionConfig === undefined
    ? undefined
    : pluginObstacle(encryptionConfig, machine !== undefined);
}

function notReady(reason: string): Check {
  const check = { id: "kubernetes-ready", title: "kube-apiserver gets ready", expected: "ready" };
  return { ...check, verdict: "not-checked", reason };
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
