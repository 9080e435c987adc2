/** `diff A [B]`: which keys differ between two backups, or between one and a running etcd. */
import type { Command } from "commander";
import { diffSnapshots, type KeyChange, type StoreDiff } from "../../etcd/inspect/diff";
import { changeLine, diffText } from "../../etcd/inspect/diff-text";
import { findOne, type EndpointOptions } from "../endpoint";
import { readNamedBackup, readNamedV2 } from "../file-argument";
import { nameOfBackup } from "../../sources/address";
import { pathFlag, pathText, v2Flag, withEndpointFlags } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import type { GlobalOptions } from "../options";
import { EXIT, UserError } from "../outcome";
import { printJson, printText, say } from "../terminal";
import { ENDPOINT_FLAGS, refuseStackFlags, refuseUnused } from "../unused";
import { openEtcd } from "../../etcd/client/etcd-client";
import { diffServer } from "../../etcd/inspect/diff-server";
import { diffV2, servedV2Side, v2SideOf } from "../../etcd/inspect/diff-v2";
import { openV2 } from "../../etcd/client/v2-client";

export type DiffOptions = GlobalOptions &
  EndpointOptions & { readonly keys?: boolean; readonly file?: string; readonly v2?: boolean };

export function declare(command: Command): void {
  withEndpointFlags(
    command
      .description(
        "Says which keys of A were added, removed or changed in B (or in the etcd that the flags name, or the lab that " +
          "runs, as it is now), by prefix and resource. Never prints a value.",
      )
      .argument("[A]", "a backup", pathText)
      .argument("[B]", "another backup", pathText)
      .addOption(pathFlag("--file <FILE>", "the backup A, said with a flag"))
      .option("--keys", "name every key that differs")
      .addOption(v2Flag()),
  )
    .addHelpText(
      "after",
      "\nExit codes: 0 the same, 1 different, 2 a file cannot be read.\n" +
        "\nExamples:\n  npx etcd-restore diff monday.db tuesday.db --keys\n" +
        "  npx etcd-restore diff backup.db --stack local\n" +
        "  npx etcd-restore diff etcd-v2-backup --v2 --endpoint http://10.0.0.7:2379",
    )
    .action(async (...words: readonly unknown[]) => {
      const options = command.optsWithGlobals<DiffOptions>();
      const typed = words.slice(0, 2).filter((word) => typeof word === "string");
      const files = options.file === undefined ? typed : [options.file, ...typed];
      if (files.length > 1) {
        refuseUnused(
          command,
          ENDPOINT_FLAGS.filter((name) => name !== "endpoint" && name !== "stack"),
          "it is about a running etcd, and two backups are compared",
        );
      } else if (options.endpoint !== undefined) refuseStackFlags(command);
      process.exitCode = await diff(files, options);
    });
}

/** Compares two backups, or one and a running etcd, and prints what differs; returns the exit code. */
export async function diff(files: readonly string[], options: DiffOptions): Promise<number> {
  const [a, b] = files;
  const isServer = options.endpoint !== undefined || options.stack !== undefined;
  if (a === undefined) throw new UserError(EXIT.usage, "which backup? Give its FILE");
  if (files.length > 2 || (b !== undefined && isServer)) {
    throw new UserError(
      EXIT.usage,
      "what is A to be compared with? Give either a second file, or --endpoint URL, or --stack NAME",
    );
  }
  const { json, quiet } = options;
  const changes: KeyChange[] = [];
  // As text they are printed while they are found: there may be millions.
  const onChange = (change: KeyChange): void => {
    if (options.keys !== true) return;
    if (json === true) changes.push(change);
    else printText(changeLine(change));
  };
  const signal = abortOnInterrupt();
  const found =
    options.v2 === true
      ? await ofV2(a, b, options, signal, onChange)
      : b === undefined
        ? await withServer(a, options, signal, onChange)
        : await ofFiles(a, b, { signal, tell: tellOf(options) }, onChange);
  const text = diffText(found);
  if (json === true) printJson({ ...found, ...(options.keys === true ? { keys: changes } : {}) });
  else printText(quiet === true ? (text.split("\n").at(-1) ?? "") : text);
  return found.verdict === "same" ? EXIT.good : EXIT.checkFailed;
}

type OnChange = (change: KeyChange) => void;

function tellOf({ quiet }: GlobalOptions): (line: string) => void {
  return quiet === true ? () => undefined : say;
}

async function ofFiles(
  a: string,
  b: string,
  { signal, tell }: { readonly signal: AbortSignal; readonly tell: (line: string) => void },
  onChange: OnChange,
): Promise<StoreDiff> {
  const { snapshot: older } = await readNamedBackup(a, { signal, say: tell });
  try {
    const { snapshot: newer } = await readNamedBackup(b, { signal, say: tell });
    try {
      return diffSnapshots(older, newer, onChange);
    } finally {
      newer.close();
    }
  } finally {
    older.close();
  }
}

async function withServer(
  file: string,
  options: DiffOptions,
  signal: AbortSignal,
  onChange: OnChange,
): Promise<StoreDiff> {
  const endpoint = await findOne(options, signal);
  const { snapshot } = await readNamedBackup(file, { signal, say: tellOf(options) });
  const client = openEtcd(endpoint, signal);
  try {
    return await diffServer(snapshot, client, endpoint.url, onChange);
  } finally {
    client.close();
    snapshot.close();
  }
}

/** The v2 store of a backup, and that of another one or of a running etcd. */
async function ofV2(
  a: string,
  b: string | undefined,
  options: DiffOptions,
  signal: AbortSignal,
  onChange: OnChange,
): Promise<StoreDiff> {
  const reading = { signal, say: tellOf(options) };
  const endpoint = b === undefined ? await findOne(options, signal) : undefined;
  const store = await readNamedV2(a, reading);
  const older = v2SideOf(nameOfBackup(a), store);
  if (b !== undefined) {
    return diffV2(older, v2SideOf(nameOfBackup(b), await readNamedV2(b, reading)), onChange);
  }
  if (endpoint === undefined) throw new TypeError("there is neither a second backup nor an etcd");
  const client = openV2(endpoint, signal);
  try {
    return diffV2(older, await servedV2Side(client, endpoint.url, store), onChange);
  } finally {
    client.close();
  }
}
