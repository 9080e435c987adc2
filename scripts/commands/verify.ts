/** `verify [FILE]`: whether a running etcd serves what a backup holds. */
import * as path from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { manifestOf, readBackup, snapshotOrV2, type V2Place } from "../../etcd/backup/backup-file";
import { readRestorableV2 } from "../../etcd/backup/v2/restorable";
import type { Endpoint } from "../../etcd/client/endpoint";
import type { EncryptionConfiguration } from "../../etcd/encryption/configuration";
import { hashAhead } from "../../etcd/proof/hash-ahead";
import { verifyV2 as proveV2Endpoint } from "../../etcd/proof/v2/verify";
import { verify as proveEndpoint, type VerifyRequest } from "../../etcd/proof/verify";
import {
  PHASE_NAMES,
  type Phase,
  type Report,
  type VerificationLevel,
} from "../../etcd/report/report";
import { reportText, verdictLine } from "../../etcd/report/text";
import { SnapshotError } from "../../etcd/snapshot/snapshot-error";
import { writeReports } from "../../etcd/report/write-all";
import type { SshRoute } from "../../machine/ssh/ssh-files";
import { beginning } from "../began";
import { findTarget, type EndpointOptions, type Target } from "../endpoint";
import { messageOfError } from "../errors";
import { nameOfBackup } from "../../sources/address";
import { bringNamed, type NamedBackup } from "../../sources/named";
import {
  collect,
  encryptionConfigFlag,
  expectClusterFlag,
  moment,
  pathFlag,
  pathText,
  trustedKeyFlag,
  wholeNumber,
  withEndpointFlags,
} from "../flags";
import { bootEncryption, encryptionConfigIn, encryptionConfigOf } from "../encryption-config";
import { abortOnInterrupt } from "../interrupt";
import { kubernetesFlag } from "../kubernetes-flag";
import type { GlobalOptions } from "../options";
import { EXIT, UserError } from "../outcome";
import { progressLines, tellProgress } from "../progress-lines";
import { trustedKeyOf } from "../trusted-key";
import { proveOwnReboot, type OwnReboot } from "../own-reboot";
import { proveOwnRestart, type OwnRestart } from "../own-restart";
import { proveUse, type UseRequest } from "../prove-use";
import { readRequest } from "../steps/request";
import { colorsFor, columnsOf, printJson, printText, say } from "../terminal";
import { Access, allThroughSsh } from "../through-ssh";
import { refuseStackFlags } from "../unused";

export type VerifyOptions = GlobalOptions &
  EndpointOptions & {
    readonly file?: string;
    readonly level: VerificationLevel;
    readonly expect?: readonly string[];
    readonly phase?: readonly Phase[];
    readonly report?: string;
    readonly inUse?: boolean;
    readonly trustedKey?: string;
    readonly encryptionConfig?: string;
    /** The same as text, where it came by stdin. */
    readonly encryptionText?: string | undefined;
    readonly expectCluster?: string;
    /** Which kube-apiserver must come up on a clone of the backup. */
    readonly kubernetes: string;
    readonly life?: boolean;
    readonly kubeApiserver?: string;
    readonly etcdPrograms?: string;
    /** Version that the etcd must be of: `3.6` or `3.6.16`. */
    readonly etcdVersion?: string;
    /** By how much the revision was bumped at the restore. */
    readonly bumped?: number;
    readonly restoredAt?: Date | undefined;
    /** stdin is a JSON object as `Access` says. */
    readonly accessStdin?: boolean;
    /** Folder where the program keeps what it unpacked. */
    readonly unpacked?: string;
    /** Shell commands that start and stop the members, where they may be stopped for a moment. */
    readonly service?: readonly string[];
    /** Where the clone is made. */
    readonly kubernetesOn?: "here" | "machine";
    /** Reboot each machine as well. */
    readonly reboot?: boolean;
    /** Whose endpoint it is, where the program itself verifies; else `--stack` says so. */
    readonly forStack?: string;
  };

/** What a verification reads and tells: of its process, or of whoever does it without one. */
export interface VerifyIo {
  readonly signal: AbortSignal;
  /** @default this process's stdin */
  readonly readStdin?: () => Promise<string>;
  readonly print: (report: Report, options: VerifyOptions) => void;
  readonly say: (line: string) => void;
}

/** @param run what is done with the options; a process of its own verifies and prints */
export function declare(
  command: Command,
  run: (options: VerifyOptions) => Promise<number> = (options) => verify(options),
): void {
  withEndpointFlags(
    command
      .description(
        "Compares a running etcd with a backup file (and its manifest FILE.json, where there is one): HashKV, counts, " +
          "and every key read back at the backup's revision. Never prints a value. Without --stack or --endpoint: the " +
          "lab that runs; without FILE: the backup that the stack was restored from. Of several endpoints, the members " +
          "of one cluster, the first is read whole, and each other by its hash and by keys spread over all.",
      )
      .argument("[FILE]", "the backup", pathText)
      .addOption(pathFlag("--file <FILE>", "the backup, said with a flag")),
  )
    .addOption(
      new Option("--level <LEVEL>", "what is compared")
        .choices(["quick", "standard", "full"])
        .default("full"),
    )
    .option("--expect <KEY>", "a key that must be there, or a prefix that ends in /", collect)
    .addOption(
      new Option(
        "--phase <NAME=SECONDS>",
        "how long an earlier phase took, for the report",
      ).argParser(addPhase),
    )
    .addOption(
      pathFlag(
        "--report <DIR>",
        "write the report there: HTML, JSON, JUnit, Prometheus text, Markdown",
      ),
    )
    .addOption(
      new Option(
        "--bumped <N>",
        "the store was restored with --bump-revision N --mark-compacted",
      ).argParser(wholeNumber),
    )
    .option("--etcd-version <VERSION>", "the etcd must be of this version: 3.6, or 3.6.16")
    .option(
      "--in-use",
      "explain what was written after the backup, by whoever used the store since",
    )
    .addOption(
      new Option(
        "--restored-at <TIME>",
        "when the store was restored, as 2026-11-22T03:00:00Z: a lease that is gone sooner than its TTL after was " +
          "revoked. Of a stack it is known",
      ).argParser(moment),
    )
    .addOption(
      new Option(
        "--access-stdin",
        'read {"password", "certificate", "key", "ssh": {"host", "port", "user", "privateKey", "hostKey", "proxy"}, "encryptionConfig"} from stdin: ' +
          "a port that is not open here is asked through SSH",
      ).conflicts("passwordStdin"),
    )
    .addOption(
      new Option("--for-stack <NAME>", "the stack that it is done for, for the report").hideHelp(),
    )
    .addOption(
      new Option(
        "--service <COMMAND>",
        "stop and start the etcd by it once, at full: for each endpoint in its order",
      )
        .argParser(collect)
        .hideHelp(),
    )
    .addOption(
      new Option(
        "--kubernetes-on <PLACE>",
        "where the clone is made: on the machine, by the way to it on stdin",
      )
        .choices(["here", "machine"])
        .hideHelp(),
    )
    .addOption(
      new Option(
        "--reboot",
        "reboot each machine once, at full, by the way to it on stdin",
      ).hideHelp(),
    )
    .addOption(trustedKeyFlag())
    .addOption(encryptionConfigFlag())
    .addOption(expectClusterFlag())
    .addOption(kubernetesFlag().default("off"))
    .option(
      "--life",
      "restart a clone, write to it, compact it; so it is with --kubernetes at the level full",
    )
    .addOption(
      pathFlag("--kube-apiserver <FILE>", "the program to use (ETCD_RESTORE_KUBE_APISERVER)"),
    )
    .addOption(
      pathFlag("--etcd-programs <DIR>", "folder with etcd, etcdctl and etcdutl, for the clone"),
    )
    .addOption(pathFlag("--unpacked <DIR>", "use and keep an unpacked backup there").hideHelp())
    .addHelpText(
      "after",
      "\nExit codes: 0 pass; 1 it differs, or something could not be checked; 2 wrong use; 3 not reached.\n" +
        "\nExamples:\n  npx etcd-restore verify backup.db\n  npx etcd-restore verify --stack production\n" +
        "  npx etcd-restore verify --stack production --kubernetes auto\n" +
        "  npx etcd-restore verify backup.db --endpoint https://10.0.0.7:2379 --cacert ca.crt --cert client.crt --key client.key",
    )
    .action(async (word: string | undefined) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      if (word !== undefined && options.file !== undefined) {
        throw new UserError(EXIT.usage, "FILE is given twice: as a word, and with --file");
      }
      if (options.endpoint !== undefined) refuseStackFlags(command);
      process.exitCode = await run(word === undefined ? options : { ...options, file: word });
    });
}

/** Collects a repeatable `--phase NAME=SECONDS`. */
function addPhase(pair: string, before: readonly Phase[] | undefined): readonly Phase[] {
  const [name = "", seconds = ""] = pair.split("=");
  const known = PHASE_NAMES.find((phase) => phase === name);
  if (known === undefined || !/^\d+(\.\d+)?$/.test(seconds)) {
    throw new InvalidArgumentError(
      `It must be NAME=SECONDS with a NAME of ${PHASE_NAMES.join(", ")}.`,
    );
  }
  return [...(before ?? []), { name: known, seconds: Number(seconds) }];
}

/** Compares a running etcd with a backup and prints the report; returns the exit code. */
export async function verify(
  options: VerifyOptions,
  io: VerifyIo = { signal: abortOnInterrupt(), print, say },
): Promise<number> {
  const { signal } = io;
  const access = options.accessStdin === true ? await readRequest(Access, io.readStdin) : {};
  const encryption =
    encryptionConfigOf(options.encryptionConfig) ?? encryptionConfigIn(access.encryptionConfig);
  const target = await findTarget(options, signal);
  const endpoints = [target.endpoint, ...target.others].map((one) => withAccess(one, access));
  const file = backupOf(options, target);
  const stack = target.stack ?? options.forStack;
  const routes = [access.ssh, ...(access.otherSsh ?? [])];
  const report = await allThroughSsh(endpoints, routes, signal, ([endpoint, ...others]) => {
    if (endpoint === undefined) throw new UserError(EXIT.usage, "there is no etcd to verify");
    return prove(
      { restoredAt: target.restoredAt, ...options, encryptionText: access.encryptionConfig },
      file,
      { endpoint, others, named: endpoints, routes, stack, encryption },
      signal,
    );
  });
  // A verdict that was reached is told, whatever becomes of its report.
  const unwritten = writeTo(report, options.report);
  io.print(report, options);
  if (unwritten !== undefined) {
    io.say(`error: the report could not be written to ${options.report ?? ""}: ${unwritten}`);
    return report.verdict === "pass" ? EXIT.environment : EXIT.checkFailed;
  }
  return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
}

function backupOf({ file }: VerifyOptions, { stack, backup }: Target): string {
  const named = file ?? backup;
  if (named !== undefined) return named;
  throw new UserError(
    EXIT.usage,
    stack === undefined
      ? "which backup is the etcd to be compared with? Give its FILE"
      : `stack ${stack} does not say which backup it was restored from; give its FILE`,
  );
}

/** Why the report could not be written; undefined when it was, or nobody wanted it. */
function writeTo(report: Report, directory: string | undefined): string | undefined {
  if (directory === undefined) return undefined;
  try {
    writeReports(report, path.resolve(directory));
    return undefined;
  } catch (error) {
    return messageOfError(error);
  }
}

/** The endpoint with what came by stdin: a password, or another client's certificate. */
function withAccess(endpoint: Endpoint, { password, certificate, key }: Access): Endpoint {
  const { tls } = endpoint;
  return {
    ...endpoint,
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined || certificate === undefined || key === undefined
      ? {}
      : { tls: { ...tls, certificate, key } }),
  };
}

/** What is proved, and with which keys of an API server. */
interface Proved {
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
async function prove(
  options: VerifyOptions,
  file: string,
  proved: Proved,
  signal: AbortSignal,
): Promise<Report> {
  const { endpoint, others, named, routes, stack, encryption } = proved;
  const readFrom = new Date();
  const trustedKey = trustedKeyOf(options.trustedKey);
  const tell = options.quiet === true ? () => undefined : progressLines();
  const onProgress = (done: number, total: number) => {
    tell(`comparing: ${done} of ${total} keys`);
  };
  const ahead = hashAhead(endpoint, signal);
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
      return await proveV2(options, backup, proved, { signal, readFrom, onProgress });
    }
    const { snapshot, backup } = opened;
    try {
      const manifest = manifestOf(backup);
      const read: Phase = { name: "preflight", seconds: secondsSince(readFrom) };
      const proof = await proveEndpoint({
        snapshot: { ...snapshot, file: backup.name },
        endpoint,
        others,
        ahead,
        stack,
        level: options.level,
        expectedKeys: options.expect ?? [],
        inUse: options.inUse === true,
        container: backup.container,
        trustedKey,
        encryption,
        expectedCluster: options.expectCluster,
        restoredAt: options.restoredAt,
        ...(options.etcdVersion === undefined ? {} : { etcdVersion: options.etcdVersion }),
        ...(options.bumped === undefined ? {} : { bumpedBy: options.bumped }),
        ...(manifest === undefined ? {} : { manifest }),
        phases: [read, ...(options.phase ?? [])],
        startedAt: beginning(),
        signal,
        onProgress,
      });
      const endpoints = [endpoint, ...others];
      const stays = await restart(proof, options, { snapshot, endpoints, routes, tell, signal });
      const machine = options.kubernetesOn === "machine" ? routes[0] : undefined;
      if (options.kubernetesOn === "machine" && machine === undefined) {
        throw new UserError(EXIT.usage, "--kubernetes-on machine needs the way to it on stdin");
      }
      const main = { snapshot, path: backup.path, endpoint, machine };
      const used = await use(stays, options, main, { tell, signal });
      // Last of all: no way to a machine outlives its reboot.
      return await reboot(used, options, { snapshot, endpoints: named, routes, tell, signal });
    } finally {
      snapshot.close();
    }
  } finally {
    brought?.dispose();
    ahead.close();
  }
}

/** One restart of what stays; never of a store that is in use. */
async function restart(
  proof: Report,
  { level, inUse, service: services = [], bumped: bumpedBy }: VerifyOptions,
  store: Omit<OwnRestart, "services" | "bumpedBy">,
): Promise<Report> {
  if (level !== "full" || inUse === true || services.length !== store.endpoints.length) {
    return proof;
  }
  return proveOwnRestart(proof, { ...store, services, bumpedBy });
}

/** One reboot of each machine; never of one whose store is in use. */
async function reboot(
  proof: Report,
  { level, inUse, reboot: isWanted, bumped: bumpedBy }: VerifyOptions,
  { routes, ...rest }: Omit<OwnReboot, "routes" | "bumpedBy"> & Pick<Proved, "routes">,
): Promise<Report> {
  if (isWanted !== true || level !== "full" || inUse === true) return proof;
  const known = routes.flatMap((route) => route ?? []);
  if (known.length !== rest.endpoints.length) {
    throw new UserError(EXIT.usage, "--reboot needs the way to each machine on stdin");
  }
  return proveOwnReboot(proof, { ...rest, routes: known, bumpedBy });
}

/** What goes along while a v2 store is proved, and since when its backup is read. */
interface ReadV2 extends Required<Pick<VerifyRequest, "signal" | "onProgress">> {
  readonly readFrom: Date;
}

/** The proof of a backup of a v2 store, with the v3 store beside it. */
async function proveV2(
  options: VerifyOptions,
  { name, place }: { readonly name: string; readonly place: V2Place },
  { endpoint, others, stack, encryption }: Proved,
  { signal, readFrom, onProgress }: ReadV2,
): Promise<Report> {
  const refused = [
    ...(options.kubernetes === "off" && options.life !== true ? [] : ["--kubernetes and --life"]),
    ...(others.length === 0 ? [] : ["several endpoints"]),
    ...(options.bumped === undefined ? [] : ["--bumped"]),
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
    return await proveV2Endpoint({
      ...{ backup, file: name, endpoint, stack, encryption, signal, level: options.level },
      ...{ inUse: options.inUse === true, restoredAt: options.restoredAt, onProgress },
      ...(options.etcdVersion === undefined ? {} : { etcdVersion: options.etcdVersion }),
      ...(manifest === undefined ? {} : { manifest }),
      trustedKey: trustedKeyOf(options.trustedKey),
      phases: [{ name: "preflight", seconds: secondsSince(readFrom) }, ...(options.phase ?? [])],
      startedAt: beginning(),
    });
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

/** The report for people on stdout, or with `--json` as JSON there and its verdict on stderr; quiet, the verdict alone. */
function print(report: Report, { json, quiet }: VerifyOptions): void {
  if (json === true) {
    printJson(report);
    const isShort = quiet === true || report.verdict === "pass";
    say(isShort ? verdictLine(report, { color: false }) : reportText(report, { color: false }));
    return;
  }
  const color = colorsFor(process.stdout);
  printText(
    quiet === true
      ? verdictLine(report, { color })
      : reportText(report, { color, columns: columnsOf(process.stdout) }),
  );
}

function secondsSince(start: Date): number {
  return (Date.now() - start.getTime()) / 1000;
}
