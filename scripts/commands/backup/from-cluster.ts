/** `backup --kubernetes`: the etcd of a cluster, out of its pods. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { EtcdPod } from "../../../cluster/etcd-pods";
import { findEtcdPods } from "../../../cluster/find-pods";
import { openKubectl, type Kubectl } from "../../../cluster/kubectl";
import { WAYS, type WayName } from "../../../cluster/way-names";
import { byOpenWay, plannedPods } from "../../../cluster/ways";
import type { Reaching } from "../../../cluster/reaching";
import { takeBackup } from "../../../etcd/backup/take/take-backup";
import { visible } from "../../../etcd/wire/visible";
import { choosePods, clientTls, type ClusterFlags } from "../../cluster";
import { abortOnInterrupt } from "../../interrupt";
import type { GlobalOptions } from "../../options";
import { EXIT, UserError } from "../../outcome";
import { printJson, printText, say as sayLine } from "../../terminal";
import { findLeft, printPlan, removeLeft } from "./our-pods";
import { rateLines } from "./rate-lines";
import { readSignKey } from "./sign-key";
import { takenText } from "./text";
import { tieOf, writeTie, type TakenCluster, type Tie } from "./tie";

export type FromClusterOptions = GlobalOptions &
  ClusterFlags & {
    readonly output?: string;
    readonly only?: EtcdPod["cluster"];
    readonly via?: WayName;
    readonly helperImage: string;
    readonly cacert?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly signKey?: string;
    readonly overwrite?: boolean;
    readonly dryRun?: boolean;
  };

type Say = (line: string) => void;

/** Takes a backup of each etcd of a cluster; returns the exit code. */
export async function backupFromCluster(options: FromClusterOptions): Promise<number> {
  const signal = abortOnInterrupt();
  const say: Say = (line) => {
    if (options.quiet !== true) sayLine(line);
  };
  const kubectl = await openKubectl({ context: options.context, signal });
  const { helperImage } = options;
  const reaching: Reaching = { kubectl, signal, helperImage, tls: clientTls(options) };
  const pods = choosePods(await findEtcdPods(kubectl, options.namespace), options.only);
  const left = await findLeft(kubectl, pods);
  const ways = options.via === undefined ? WAYS : [options.via];
  if (options.dryRun === true) {
    const plan = (pod: EtcdPod) =>
      ways.map((way) => ({ way, makes: plannedPods(reaching, pod, way) }));
    printPlan(pods, plan, left, options.json);
    return EXIT.good;
  }
  const directory = openDirectory(options);
  await removeLeft(kubectl, left, say);
  const version = await kubernetesVersion(kubectl);
  const taken: TakenCluster[] = [];
  for (const pod of pods) {
    taken.push(await takeOne(reaching, pod, { ways, directory, version, options, say }));
  }
  const tie = tieOf(taken, version);
  await writeTie(path.join(directory, "backup.json"), tie);
  if (options.json === true) printJson({ directory, ...tie });
  else printText(text(taken, tie, directory));
  return EXIT.good;
}

interface Taking {
  readonly ways: readonly WayName[];
  readonly directory: string;
  readonly version: string | undefined;
  readonly options: FromClusterOptions;
  readonly say: Say;
}

async function takeOne(
  reaching: Reaching,
  pod: EtcdPod,
  { ways, directory, version, options, say }: Taking,
): Promise<TakenCluster> {
  const { cluster, namespace, name } = pod;
  const file = path.join(directory, `${cluster}.db`);
  const { result, way, closed } = await byOpenWay(reaching, pod, ways, (source) =>
    takeBackup({
      source,
      from: { pod: `${namespace}/${name}` },
      file,
      overwrite: options.overwrite,
      kubernetes: { cluster, ...(version !== undefined && { version }) },
      signKey: readSignKey(options.signKey),
      signal: reaching.signal,
      onProgress: rateLines(`taking the snapshot of ${name}`, say),
    }),
  );
  return { pod, file, taken: result, way, closed };
}

/** @throws UserError when no directory is named, or there is a file of that name */
function openDirectory({ output }: FromClusterOptions): string {
  if (output === undefined || output === "-") {
    throw new UserError(
      EXIT.usage,
      "where to? Give -o DIR: main.db, events.db, a manifest of each and backup.json, which ties them, go there",
    );
  }
  const directory = path.resolve(output);
  const there = fs.statSync(directory, { throwIfNoEntry: false });
  if (there !== undefined && !there.isDirectory()) {
    throw new UserError(
      EXIT.usage,
      `-o ${output} is a file; with --kubernetes it is the name of a directory`,
    );
  }
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** `v1.35.4`; undefined where the API server does not tell. */
async function kubernetesVersion(kubectl: Kubectl): Promise<string | undefined> {
  const answer = await kubectl
    .run(["get", "--raw", "/version"], "asking for the cluster's version")
    .catch(() => "");
  return /"gitVersion":\s*"(v[\w.+-]+)"/.exec(answer)?.[1];
}

function text(taken: readonly TakenCluster[], tie: Tie, directory: string): string {
  const parts = taken.map(({ pod, file, taken: backup, way, closed }) =>
    [
      `${pod.cluster}  ${visible(`${pod.namespace}/${pod.name}`)}, by ${way}`,
      ...closed.map((one) => visible(`  not by ${one.way}: ${one.reason}`)),
      takenText(backup, file),
      "",
    ].join("\n"),
  );
  return `${parts.join("\n")}\n${tie.words}; ${visible(path.join(directory, "backup.json"))} says so`;
}
