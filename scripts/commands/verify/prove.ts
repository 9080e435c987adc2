/** The proof that `verify` does: of a v3 snapshot, of a v2 store, and of use on top of it. */
import { proveOwnReboot, type OwnReboot } from "../../../boot/own/reboot";
import { proveOwnRestart, type OwnRestart } from "../../../boot/own/restart";
import { proveOwnRestartV2 } from "../../../boot/own/restart-v2";
import { proveUse, type UseRequest } from "../../../boot/prove-use";
import type { V2Place } from "../../../etcd/backup/opened-backup";
import { manifestOf } from "../../../etcd/backup/manifest-beside";
import { readBackup, snapshotOrV2, type OpenedSnapshot } from "../../../etcd/backup/read-backup";
import { readRestorableV2 } from "../../../etcd/backup/v2/restorable";
import type { Endpoint } from "../../../etcd/client/endpoint";
import type { EncryptionConfiguration } from "../../../etcd/encryption/configuration";
import { hashAhead } from "../../../etcd/proof/hash-ahead";
import { verifyV2 as proveV2Endpoint } from "../../../etcd/proof/v2/verify";
import { verify as proveEndpoint } from "../../../etcd/proof/verify";
import type { VerifyRequest } from "../../../etcd/proof/verify-request";
import type { Phase, Report } from "../../../etcd/report/report";
import { SnapshotError } from "../../../etcd/snapshot/snapshot-error";
import type { SshRoute } from "../../../machine/ssh/ssh-files";
import { beginning } from "../../began";
import { nameOfBackup } from "../../../sources/address";
import { bringNamed, type NamedBackup } from "../../../sources/named";
import { bootEncryption } from "../../encryption-config";
import { EXIT, UserError } from "../../outcome";
import { progressLines, tellProgress } from "../../progress-lines";
import { trustedKeyOf } from "../../trusted-key";
import { say } from "../../terminal";
import { throughSsh } from "../../through-ssh";
import type { VerifyOptions } from "./options";

/** What is proved, and with which keys of an API server. */
export interface Proved {
  readonly endpoint: Endpoint;
  /** The other members of its cluster. */
  readonly others: readonly Endpoint[];
  /** All of them as they are named, before a way was taken to them. */
  readonly named: readonly Endpoint[];
  /** The ways to their machines, where they are on some. */
  readonly routes: readonly (SshRoute | undefined)[];
  readonly stack: string | undefined;
  readonly encryption: EncryptionConfiguration | undefined;
}

/** Reads the backup, and compares the etcd with it; the etcd hashes its store meanwhile. */
export async function prove(
  options: VerifyOptions,
  file: string,
  proved: Proved,
  signal: AbortSignal,
): Promise<Report> {
  const readFrom = new Date();
  const tell = options.quiet === true ? () => undefined : progressLines();
  const onProgress = (done: number, total: number) => {
    tell(`comparing: ${done} of ${total} keys`);
  };
  const ahead = hashAhead(proved.endpoint, signal);
  let brought: NamedBackup | undefined;
  try {
    const name = nameOfBackup(file);
    brought = await bringNamed(file, { signal, ...(options.quiet !== true && { say }) });
    const reading = readBackup(brought.file, {
      signal,
      fetched: brought.fetched,
      keepIn: options.unpacked,
      ...tellProgress(name, tell),
    });
    const opened = await snapshotOrV2(reading);
    if ("v2" in opened) {
      const backup = { name: brought.fetched?.name ?? name, place: opened.v2 };
      return await proveV2(options, backup, proved, { signal, readFrom, onProgress, tell });
    }
    try {
      return await proveV3(options, opened, proved, { signal, readFrom, onProgress, ahead, tell });
    } finally {
      opened.snapshot.close();
    }
  } finally {
    brought?.dispose();
    ahead.close();
  }
}

/** What goes along while a backup is proved, and since when it is read. */
interface Reading extends Required<Pick<VerifyRequest, "signal" | "onProgress">> {
  readonly readFrom: Date;
}

/** The proof of a snapshot, and of what was asked for on top of it. */
async function proveV3(
  options: VerifyOptions,
  { snapshot, backup }: OpenedSnapshot,
  { endpoint, others, named, routes, stack, encryption }: Proved,
  reading: Reading & Required<Pick<VerifyRequest, "ahead">> & Pick<UseRequest, "tell">,
): Promise<Report> {
  const { signal, readFrom, onProgress, ahead, tell } = reading;
  const manifest = manifestOf(backup);
  const proof = await proveEndpoint({
    ...{ endpoint, others, ahead, stack, encryption, signal, onProgress, level: options.level },
    snapshot: { ...snapshot, file: backup.name },
    expectedKeys: options.expect ?? [],
    inUse: options.inUse === true,
    container: backup.container,
    trustedKey: trustedKeyOf(options.trustedKey),
    expectedCluster: options.expectCluster,
    restoredAt: options.restoredAt,
    ...(options.etcdVersion === undefined ? {} : { etcdVersion: options.etcdVersion }),
    ...(options.bumped === undefined ? {} : { bumpedBy: options.bumped }),
    ...(manifest === undefined ? {} : { manifest }),
    phases: phasesOf(options, readFrom),
    startedAt: beginning(),
  });
  const endpoints = [endpoint, ...others];
  const told = endpoints.map(({ url }) => proof.members?.find((one) => one.endpoint === url));
  const stays = await restart(proof, options, { snapshot, endpoints, told, routes, tell, signal });
  const machine = options.kubernetesOn === "machine" ? routes[0] : undefined;
  const main = { snapshot, path: backup.path, endpoint, machine };
  const used = await use(stays, options, main, { tell, signal });
  // Last of all: no way to a machine outlives its reboot.
  return reboot(used, options, { snapshot, endpoints: named, told, routes, tell, signal });
}

/** The reading of the backup, and what was before this program. */
function phasesOf({ phase = [] }: VerifyOptions, readFrom: Date): readonly Phase[] {
  return [{ name: "preflight", seconds: (Date.now() - readFrom.getTime()) / 1000 }, ...phase];
}

/** One restart of what stays; never of a store that is in use. */
async function restart(
  proof: Report,
  options: VerifyOptions,
  store: Omit<OwnRestart, "services" | "bumpedBy">,
): Promise<Report> {
  const services = servicesOf(options, store.endpoints.length);
  if (services === undefined) return proof;
  return proveOwnRestart(proof, { ...store, services, bumpedBy: options.bumped });
}

/** The services by which each member is restarted; undefined where they are not to be, or not known. */
function servicesOf(
  { level, inUse, service: services = [] }: VerifyOptions,
  members: number,
): readonly string[] | undefined {
  return level !== "full" || inUse === true || services.length !== members ? undefined : services;
}

/** One reboot of each machine; never of one whose store is in use. */
async function reboot(
  proof: Report,
  { level, inUse, reboot: isWanted, bumped: bumpedBy }: VerifyOptions,
  { routes, ...rest }: Omit<OwnReboot, "routes" | "reach" | "bumpedBy"> & Pick<Proved, "routes">,
): Promise<Report> {
  if (isWanted !== true || level !== "full" || inUse === true) return proof;
  const known = routes.flatMap((route) => route ?? []);
  return proveOwnReboot(proof, { ...rest, routes: known, reach: throughSsh, bumpedBy });
}

/** The proof of a backup of a v2 store, with the v3 store beside it. */
async function proveV2(
  options: VerifyOptions,
  { name, place }: { readonly name: string; readonly place: V2Place },
  { endpoint, others, routes, stack, encryption }: Proved,
  { signal, readFrom, onProgress, tell }: Reading & Pick<UseRequest, "tell">,
): Promise<Report> {
  const refused = [
    ...(options.kubernetes === "off" && options.life !== true ? [] : ["--kubernetes and --life"]),
    ...(others.length === 0 ? [] : ["several endpoints"]),
    ...(options.bumped === undefined ? [] : ["--bumped"]),
    ...(options.reboot === true ? ["--reboot"] : []),
    ...(options.expect === undefined ? [] : ["--expect"]),
    ...(options.expectCluster === undefined ? [] : ["--expect-cluster"]),
  ];
  if (refused.length > 0) {
    throw new UserError(
      EXIT.usage,
      `${name} is a backup of a v2 store: ${refused.join(", ")} can only be asked of a v3 snapshot`,
    );
  }
  const manifest = manifestOf(place);
  const backup = await readRestorableV2(place.file, name, { signal });
  if (backup === undefined) throw new SnapshotError(name, "it was changed while it was read");
  try {
    const again = () =>
      proveV2Endpoint({
        ...{ backup, file: name, endpoint, stack, encryption, signal, level: options.level },
        ...{ inUse: options.inUse === true, restoredAt: options.restoredAt, onProgress },
        ...(options.etcdVersion === undefined ? {} : { etcdVersion: options.etcdVersion }),
        ...(manifest === undefined ? {} : { manifest }),
        trustedKey: trustedKeyOf(options.trustedKey),
        phases: phasesOf(options, readFrom),
        startedAt: beginning(),
      });
    const proof = await again();
    const services = servicesOf(options, 1);
    if (services === undefined) return proof;
    return await proveOwnRestartV2(proof, { services, routes, signal, again, tell });
  } finally {
    backup.close();
  }
}

/** The proof of use on top of the proof of the etcd, where it was asked for. */
async function use(
  proof: Report,
  options: VerifyOptions,
  store: Pick<UseRequest, "snapshot" | "path" | "endpoint" | "machine">,
  told: Pick<UseRequest, "tell" | "signal">,
): Promise<Report> {
  const { kubernetes, life = kubernetes !== "off" && options.level === "full" } = options;
  if (kubernetes === "off" && !life) return proof;
  const { username, password } = store.endpoint;
  const encryption = await bootEncryption(options.encryptionConfig, options.encryptionText);
  try {
    return await proveUse(proof, {
      ...{ ...store, ...told, ...encryption, kubernetes, life },
      ...{ etcdPrograms: options.etcdPrograms, kubeApiServer: options.kubeApiserver },
      // A life is led as the user that the etcd is asked as.
      user: username === undefined || password === undefined ? undefined : { username, password },
      say: (line) => {
        if (options.quiet !== true) say(line);
      },
    });
  } finally {
    encryption.close();
  }
}
