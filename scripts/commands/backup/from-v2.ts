/** `backup --v2`: out of a member's data directory, as etcd's admin guide of v2 does it; here, over SSH, or in a pod. */
import * as fs from "node:fs";
import * as path from "node:path";
import { plannedDataPod } from "../../../cluster/data-directory";
import { findEtcdPods } from "../../../cluster/find-pods";
import { openKubectl } from "../../../cluster/kubectl";
import { TOOL } from "../../../etcd/report/tool";
import { refuseTaken, takeV2, type TakenV2 } from "../../../etcd/backup/v2/take";
import { localSource, type V2Source } from "../../../etcd/backup/v2/v2-source";
import { counted, grouped, size } from "../../../etcd/wire/figures";
import { visible } from "../../../etcd/wire/visible";
import { isDestination } from "../../../machine/ssh/user-ssh";
import { choosePods } from "../../cluster";
import { abortOnInterrupt } from "../../interrupt";
import { EXIT, UserError } from "../../outcome";
import { printJson, printText, say as sayLine } from "../../terminal";
import type { FromClusterOptions } from "./from-cluster";
import { findLeft, printPlan, removeLeft } from "./our-pods";
import { readSignKey } from "./sign-key";
import { withMemberOfPod, withMemberOverSsh, type Bringing } from "./v2-sources";

export type FromV2Options = FromClusterOptions & {
  readonly kubernetes?: boolean;
  readonly dataDir?: string;
  readonly ssh?: string;
  readonly sshConfig?: string;
  readonly withV3?: boolean;
  readonly withoutV3?: boolean;
};

/** Takes a backup and prints what was taken; returns the exit code. */
export async function backupOfV2(options: FromV2Options): Promise<number> {
  const signal = abortOnInterrupt();
  if (options.kubernetes === true) return ofPods(options, signal);
  const { dataDir, output, ssh } = options;
  if (dataDir === undefined) {
    throw new UserError(EXIT.usage, "out of which data directory? Give --data-dir DIR");
  }
  if (output === undefined || output === "-") {
    throw new UserError(EXIT.usage, "where to? Give -o DIR, or -o FILE.tar");
  }
  const file = path.resolve(output);
  const taken =
    ssh === undefined
      ? await take(localSource(path.resolve(dataDir)), file, options, signal)
      : await overSsh(ssh, dataDir, file, options, signal);
  print([{ file, ...taken }], options);
  return EXIT.good;
}

function take(
  source: V2Source,
  output: string,
  { signKey, ...options }: FromV2Options,
  signal: AbortSignal,
): Promise<TakenV2> {
  const withV3 = wishOf(options);
  return takeV2({ source, output, tool: TOOL, withV3, signKey: readSignKey(signKey), signal });
}

/** Undefined: nobody has said what is to become of the v3 keys. */
function wishOf({ withV3, withoutV3 }: FromV2Options): boolean | undefined {
  return withV3 === true ? true : withoutV3 === true ? false : undefined;
}

function bringing(output: string, options: FromV2Options, signal: AbortSignal): Bringing {
  const say = (line: string) => {
    if (options.quiet !== true) sayLine(line);
  };
  // Nothing is copied for a name that is taken, or a key that cannot be read.
  refuseTaken(output);
  readSignKey(options.signKey);
  return { output, wantsDatabase: wishOf(options) !== false, signal, say };
}

async function overSsh(
  destination: string,
  dataDir: string,
  file: string,
  options: FromV2Options,
  signal: AbortSignal,
): Promise<TakenV2> {
  if (!isDestination(destination)) {
    throw new UserError(EXIT.usage, `--ssh ${JSON.stringify(destination)} is no HOST or USER@HOST`);
  }
  if (!path.posix.isAbsolute(dataDir)) {
    throw new UserError(
      EXIT.usage,
      `--data-dir ${JSON.stringify(dataDir)} is a path on another machine: it must begin with /`,
    );
  }
  const ssh = { destination, config: options.sshConfig };
  return withMemberOverSsh(ssh, dataDir, bringing(file, options, signal), (source) =>
    take(source, file, options, signal),
  );
}

/** Each etcd of a cluster, out of one of its pods: into `main` and `events` of the folder that is named. */
async function ofPods(options: FromV2Options, signal: AbortSignal): Promise<number> {
  const { output, context, namespace, only, helperImage } = options;
  const kubectl = await openKubectl({ context, signal });
  const reaching = { kubectl, signal, helperImage };
  const pods = choosePods(await findEtcdPods(kubectl, namespace), only);
  const left = await findLeft(kubectl, pods);
  if (options.dryRun === true) {
    const plan = (pod: (typeof pods)[number]) => [
      { way: "node", makes: [plannedDataPod(reaching, pod)] },
    ];
    printPlan(pods, plan, left, options.json);
    return EXIT.good;
  }
  if (output === undefined || output === "-") {
    throw new UserError(EXIT.usage, "where to? Give -o DIR: main and events go there");
  }
  const directory = path.resolve(output);
  const places = pods.map((pod) => {
    const file = path.join(directory, pod.cluster);
    return { pod, file, bring: bringing(file, options, signal) };
  });
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  await removeLeft(kubectl, left, places[0]?.bring.say ?? (() => undefined));
  const taken = [];
  for (const { pod, file, bring } of places) {
    const one = await withMemberOfPod(reaching, pod, bring, (source) =>
      take(source, file, options, signal),
    );
    taken.push({ file, ...one });
  }
  print(taken, options);
  return EXIT.good;
}

type TakenFile = TakenV2 & { readonly file: string };

function print(taken: readonly TakenFile[], { json, kubernetes }: FromV2Options): void {
  if (json !== true) printText(taken.map(takenText).join("\n\n"));
  else if (kubernetes === true) printJson({ schemaVersion: 1, backups: taken });
  else printJson({ schemaVersion: 1, ...taken[0] });
}

function takenText({ manifest, notes, file }: TakenFile): string {
  const { source, v2, signature } = manifest;
  const line = (label: string, text: string) => `${label.padEnd(11)}${visible(text)}`;
  const keys = v2?.keys ?? 0;
  const beside = (v2?.v3Keys ?? 0) > 0 ? `, and ${counted(v2?.v3Keys ?? 0, "v3 key")}` : "";
  const place = [source.pod ?? source.host, source.dataDirectory].filter(Boolean).join(":");
  return [
    line("source", `${place}, etcd ${source.etcdVersion ?? "?"}`),
    line("proved", "read again from end to end: every key and index as in the source"),
    line(
      "holds",
      `${counted(keys, "v2 key")} in ${counted(v2?.folders ?? 0, "folder")}, ${grouped(v2?.hidden ?? 0)} hidden, ` +
        `${grouped(v2?.withTtl ?? 0)} with a time to live${beside}`,
    ),
    line("sha256", `${manifest.sha256}  ${size(manifest.bytes)}, as it is restored`),
    ...(signature === undefined ? [] : [line("signed", "the manifest is signed")]),
    ...notes.map((note) => line("note", note)),
    `TAKEN  ${visible(file)}: ${counted(keys, "v2 key")} at index ${v2?.index ?? 0}`,
  ].join("\n");
}
