import { readBackup } from "../../etcd/backup/backup-file";
import { diffSnapshots, type KeyChange, type StoreDiff } from "../../etcd/inspect/diff";
import { changeLine, diffText } from "../../etcd/inspect/diff-text";
import { diffServer } from "../../etcd/inspect/diff-server";
import { openEtcd } from "../../etcd/client/etcd-client";
import { findEndpoint, type EndpointOptions } from "../endpoint";
import type { GlobalOptions } from "../etcd-restore";
import { abortOnInterrupt } from "../lab";
import { EXIT, UserError } from "../outcome";

export type DiffOptions = GlobalOptions & EndpointOptions & { readonly keys?: boolean };

/** Compares two backups, or one and a running etcd, and prints what differs; returns the exit code. */
export async function diff(
  a: string,
  b: string | undefined,
  options: DiffOptions,
): Promise<number> {
  if ((b === undefined) === (options.endpoint === undefined && options.stack === undefined)) {
    throw new UserError(
      EXIT.usage,
      "what is A to be compared with? Give either a second file, or --endpoint URL, or --stack NAME",
    );
  }
  const changes: KeyChange[] = [];
  // As text they are printed while they are found: there may be millions.
  const onChange = (change: KeyChange): void => {
    if (options.keys !== true) return;
    if (options.json === true) changes.push(change);
    else process.stdout.write(`${changeLine(change)}\n`);
  };
  const signal = abortOnInterrupt();
  const found =
    b === undefined
      ? await withServer(a, options, signal, onChange)
      : await ofFiles(a, b, signal, onChange);
  if (options.json === true) {
    const keys = options.keys === true ? { keys: changes } : {};
    process.stdout.write(`${JSON.stringify({ ...found, ...keys })}\n`);
  } else process.stdout.write(`${diffText(found)}\n`);
  return found.verdict === "same" ? EXIT.good : EXIT.checkFailed;
}

type OnChange = (change: KeyChange) => void;

async function ofFiles(
  a: string,
  b: string,
  signal: AbortSignal,
  onChange: OnChange,
): Promise<StoreDiff> {
  const { snapshot: older } = await readBackup(a, { signal });
  try {
    const { snapshot: newer } = await readBackup(b, { signal });
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
  const endpoint = await findEndpoint(options, signal);
  const { snapshot } = await readBackup(file, { signal });
  const client = openEtcd(endpoint, signal);
  try {
    return await diffServer(snapshot, client, endpoint.url, onChange);
  } finally {
    client.close();
    snapshot.close();
  }
}
