/** `sweep`: finds what killed drills have left, shows it, and removes exactly that. */
import { Option, type Command } from "commander";
import { drillsHome, findDrills, removePlace, type FoundDrill } from "../drills/home";
import { sweepCloud, type Row } from "../drills/cloud";
import { deadlineOf } from "../drills/names";
import { labOf, removeDrill } from "../drills/remove";
import { pathFlag } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import type { GlobalOptions } from "../options";
import { EXIT, UserError } from "../outcome";
import { printJson, printText, say } from "../terminal";

export interface SweepOptions extends GlobalOptions {
  readonly home?: string;
  readonly expired?: boolean;
  readonly dryRun?: boolean;
  readonly target: "local" | "openstack";
}

export function declare(command: Command): void {
  command
    .description(
      "Removes what a killed drill has left: its etcd, its data, its cloud resources by its state. Nothing of a drill " +
        "that runs is touched, and nothing of one that is kept, unless it is named.",
    )
    .argument("[NAME...]", "only these drills, also those that are kept")
    .option("--expired", "also what was kept (--keep) and whose time is over")
    .option("--dry-run", "only show it")
    .addOption(
      new Option(
        "--target <TARGET>",
        "openstack: also what the cloud holds of drills whose state is lost, by its tags",
      )
        .choices(["local", "openstack"])
        .default("local"),
    )
    .addOption(pathFlag("--home <DIR>", "where drills keep what is theirs (ETCD_RESTORE_HOME)"))
    .addHelpText(
      "after",
      "\nExit codes: 0 nothing is left; 2 wrong use; 3 something could not be removed.\n" +
        "\nExamples:\n  npx etcd-restore sweep --dry-run\n  npx etcd-restore sweep --expired\n" +
        "  OS_CLOUD=mycloud npx etcd-restore sweep --target openstack\n" +
        "  npx etcd-restore sweep drill-1k0z9f3a-6qk3t",
    )
    .action(async (names: readonly string[]) => {
      process.exitCode = await sweep(names, command.optsWithGlobals());
    });
}

/** Removes what is left of drills that do not run any more; returns the exit code. */
export async function sweep(names: readonly string[], options: SweepOptions): Promise<number> {
  const interrupted = abortOnInterrupt();
  const home = drillsHome(options.home);
  const found = findDrills(home);
  const unknown = names.filter((name) => !found.some((drill) => drill.name === name));
  if (unknown.length > 0) {
    const known = found.length === 0 ? "none" : found.map(({ name }) => name).join(", ");
    throw new UserError(
      EXIT.usage,
      `there is no drill ${unknown.join(", ")} in ${home}; there are: ${known}`,
    );
  }
  const rows: Row[] = [];
  for (const drill of found) {
    const isMeant = names.length > 0 ? names.includes(drill.name) : isLeft(drill, options);
    const row = { name: drill.name, state: drill.state, directory: drill.directory };
    if (!isMeant || interrupted.aborted) rows.push({ ...row, action: "left alone" });
    else if (drill.state === "running") {
      rows.push({
        ...row,
        action: "left alone",
        reason: "it runs: end it, and it cleans up by itself",
      });
    } else if (options.dryRun === true) rows.push({ ...row, action: "to be removed" });
    else {
      const reason = await remove(drill, options);
      rows.push({
        ...row,
        ...(reason === undefined ? { action: "removed" } : { action: "not removed", reason }),
      });
    }
  }
  if (options.target === "openstack" && !interrupted.aborted) {
    const alive = found.filter(({ state }) => state === "running" || state === "kept");
    rows.push(
      ...(await sweepCloud(
        alive.map(({ name }) => name),
        options.dryRun === true,
      )),
    );
  }
  show(home, rows, options);
  return rows.some(({ action }) => action === "not removed") ? EXIT.environment : EXIT.good;
}

function isLeft({ state }: FoundDrill, { expired }: SweepOptions): boolean {
  return state === "left" || (state === "expired" && expired === true);
}

/** Why it could not be removed. */
async function remove(
  drill: FoundDrill,
  { quiet, json }: SweepOptions,
): Promise<string | undefined> {
  const { directory, name, mark } = drill;
  if (quiet !== true) say(`removing ${name}`);
  // Killed before its mark was written: then nothing else was made.
  if (mark === undefined) {
    removePlace(directory);
    return undefined;
  }
  // The folder may have been moved, or be mounted elsewhere.
  const config = { ...mark.config, "etcd-restore:labDirectory": labOf(directory) };
  return await removeDrill(directory, { ...mark, config }, quiet === true || json === true);
}

function show(home: string, rows: readonly Row[], { json, quiet }: SweepOptions): void {
  if (json === true) {
    printJson({ schemaVersion: 1, home, drills: rows });
    return;
  }
  const told = quiet === true ? rows.filter(({ action }) => action !== "left alone") : rows;
  if (told.length === 0) {
    if (quiet !== true) printText(`There is nothing of a drill in ${home}.`);
    return;
  }
  const lines = told.map(({ name, state, action, reason }) => {
    const until =
      state === "running" ? `, until ${deadlineOf(name)?.toISOString() ?? "?"} at most` : "";
    return `${name}  ${state}${until}: ${action}${reason === undefined ? "" : ` (${reason})`}`;
  });
  printText(lines.join("\n"));
}
