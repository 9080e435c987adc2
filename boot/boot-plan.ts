/**
 * What the clone is to be before it is made: the programs of the right versions, what its API server is compared with, or
 * why none can come up.
 */
import type { Check } from "../etcd/report/report";
import { etcdVersionOf, minorToServe, SERVABLE_MINORS } from "../etcd/snapshot/judgement";
import { counted } from "../etcd/wire/figures";
import { type ApiServerProgram, ensureApiServer } from "../machine/programs/api-server";
import { ensureEtcd, type EtcdPrograms } from "../machine/programs/programs";
import type { BootRequest, BootStore } from "./boot-request";
import { definitionsOf } from "./definitions";
import { type Expectation, fileChecks, type Store } from "./file-checks";
import { pluginObstacle } from "./kms";
import { storedObjects } from "./objects";
import { nextMinor, toldVersion, type ToldVersion } from "./version";

/** What the clone is to be: which programs, and what its API server is compared with. */
export interface Plan {
  readonly etcd: EtcdPrograms;
  readonly expectation: Expectation;
  /** Undefined where no API server is to be started; then `checks` say why. */
  readonly api?: { readonly program: ApiServerProgram; readonly told: ToldVersion } | undefined;
  readonly checks: readonly Check[];
}

export async function planOf(request: BootRequest): Promise<Plan> {
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
