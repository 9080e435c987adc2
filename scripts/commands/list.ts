/** `list SOURCE`: the backups that lie in a folder or an object store, and which of them would be taken. */
import Table from "cli-table3";
import type { Command } from "commander";
import { moment, size } from "../../etcd/wire/figures";
import { visible } from "../../etcd/wire/visible";
import { chooseBackup, clusterUidOf, type Choice } from "../../sources/choose";
import { listBackups, type Backup, type Listing } from "../../sources/listing";
import { openSource } from "../../sources/open-source";
import type { Store } from "../../sources/store";
import { ageIdentityFlag, expectClusterFlag, pathText } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import type { GlobalOptions } from "../options";
import { EXIT } from "../outcome";
import { printJson, printText, say } from "../terminal";

export type ListOptions = GlobalOptions & { readonly expectCluster?: string };

export function declare(command: Command): void {
  command
    .description(
      "Lists the backups that lie in a folder or an object store, newest first: when they were taken, how large they " +
        "are, whether they are complete or why not, and of which cluster. Knows the layouts of Gardener, kops, k3s and " +
        "RKE2, OpenShift, HyperShift, Talos, and files or folders by date. Only reads.",
    )
    .argument(
      "<SOURCE>",
      "a folder, s3://BUCKET/PREFIX, swift://CONTAINER/PREFIX, or https://… (one backup)",
      pathText,
    )
    .addOption(expectClusterFlag())
    .addOption(ageIdentityFlag())
    .addHelpText(
      "after",
      "\nThe one with * is the newest complete one: `drill --from`, `inspect` and the others take it.\n" +
        "Credentials come from where AWS' and OpenStack's own tools take them (AWS_PROFILE, AWS_ENDPOINT_URL, OS_CLOUD, …).\n" +
        "\nExit codes: 0 there is a complete one, 1 there is none, 2 not a SOURCE, 3 the store does not answer.\n" +
        "\nExamples:\n  npx etcd-restore list /var/lib/rancher/rke2/server/db/snapshots\n" +
        "  npx etcd-restore list s3://backups/production --json | jq -r .chosen\n" +
        "  npx etcd-restore list swift://etcd-backups/shoot--garden--one",
    )
    .action(async (source: string) => {
      process.exitCode = await list(source, command.optsWithGlobals());
    });
}

/** Prints the backups of a SOURCE; returns the exit code. */
export async function list(source: string, options: ListOptions): Promise<number> {
  const signal = abortOnInterrupt();
  const store = openSource(source);
  try {
    const listing = await listBackups(store, { signal });
    const choice = await chooseBackup(store, listing, {
      expectedCluster: options.expectCluster,
      signal,
    });
    const rows = await rowsOf(store, listing, choice, signal);
    if (options.json === true) printJson(asJson(store, listing, choice, rows));
    else tell(listing, choice, rows, options);
    return choice.chosen === undefined ? EXIT.checkFailed : EXIT.good;
  } finally {
    store.close();
  }
}

/** A backup with all that is known of it. */
interface Row {
  readonly backup: Backup;
  readonly isChosen: boolean;
  /** Why it is not complete, or not taken. */
  readonly reason: string | undefined;
  readonly clusterUid: string | undefined;
}

/** Of as many, from the newest on, the store is asked for the cluster that was noted with them. */
const MOST_ASKED = 200;
const AT_ONCE = 8;

async function rowsOf(
  store: Store,
  { backups }: Listing,
  { chosen, passedOver }: Choice,
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const reasons = new Map(passedOver.map(({ path, reason }) => [path, reason]));
  const uids = new Map<string, string | undefined>();
  const waiting = backups.slice(0, MOST_ASKED)[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const backup of waiting) {
      if (backup.problem !== undefined) continue;
      uids.set(backup.path, await clusterUidOf(store, backup, signal));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return backups.map((backup) => ({
    backup,
    isChosen: backup === chosen,
    reason: backup.problem ?? reasons.get(backup.path),
    clusterUid: uids.get(backup.path),
  }));
}

function asJson(store: Store, listing: Listing, { chosen, notes }: Choice, rows: readonly Row[]) {
  return {
    schemaVersion: 1,
    source: listing.source,
    chosen: chosen === undefined ? null : store.nameOf(chosen.path),
    notes,
    backups: rows.map(({ backup, reason, clusterUid }) => ({
      name: backup.path,
      takenAt: backup.takenAt?.toISOString() ?? null,
      timeFrom: backup.timeFrom ?? null,
      bytes: Number.isNaN(backup.bytes) ? null : backup.bytes,
      layout: backup.layout,
      cluster: backup.cluster ?? null,
      clusterUid: clusterUid ?? null,
      complete: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      ...(backup.notes.length === 0 ? {} : { notes: backup.notes }),
    })),
    otherObjects: listing.others,
  };
}

function tell(
  listing: Listing,
  { chosen, notes }: Choice,
  rows: readonly Row[],
  { quiet }: GlobalOptions,
): void {
  if (quiet === true) {
    if (chosen !== undefined) printText(chosen.path);
    return;
  }
  if (rows.length > 0) printText(table(rows));
  const whole = rows.filter(({ reason }) => reason === undefined).length;
  const beside = listing.others === 0 ? "" : `, and ${listing.others} other objects`;
  say(`${listing.source}: ${rows.length} backups, ${whole} complete${beside}`);
  for (const note of notes) say(`note: ${note}`);
}

const NO_LINES = Object.fromEntries(
  [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left"],
    ...["bottom-right", "left", "left-mid", "mid", "mid-mid", "right", "right-mid"],
  ].map((place) => [place, ""]),
);

function table(rows: readonly Row[]): string {
  const shown = new Table({
    head: ["", "taken", "size", "written by", "cluster", "name", "complete"],
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    chars: { ...NO_LINES, middle: "  " },
    colAligns: ["left", "left", "right", "left", "left", "left", "left"],
  });
  shown.push(...rows.map(cells));
  return shown
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function cells({ backup, isChosen, reason, clusterUid }: Row): string[] {
  const { takenAt, bytes, layout, cluster, path } = backup;
  return [
    isChosen ? "*" : "",
    takenAt === undefined ? "" : moment(takenAt.toISOString()),
    Number.isNaN(bytes) ? "" : size(bytes),
    layout,
    clusterUid ?? cluster ?? "",
    path,
    reason === undefined ? "yes" : `no: ${reason}`,
  ].map(visible);
}
