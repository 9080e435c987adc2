/** A home for drills that are killed or counted by a test: each with a temporary folder that is watched, too. */
import * as fs from "node:fs";
import * as path from "node:path";
import { currentReport } from "../../etcd/report/evidence";
import type { Report } from "../../etcd/report/report";
import { createWorkspace, snapshotBytes } from "./kubernetes-fixtures";
import { beginCommand, killIfThere, processesOf, type Running } from "./lab";

/** How often each case is tried; absent in an ordinary run of the tests, which tries a few. */
export const TIMES =
  process.env.ETCD_RESTORE_TIMES === undefined ? undefined : Number(process.env.ETCD_RESTORE_TIMES);

/** Says what came of many. */
export function tell(what: string, figures: object): void {
  if (TIMES !== undefined) process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

export interface DrillRun extends Running {
  /** Folder of its reports. */
  readonly reports: string;
  readonly report: () => Report | undefined;
  /** The drill's. */
  readonly name: () => string;
}

export interface Drills {
  readonly home: string;
  /** The sample. */
  readonly good: string;
  /** The sample with one bit that is wrong, each time another one. */
  damagedAt(time: number): string;
  path(name: string): string;
  /** Begins `drill` with a folder of its own for its reports, or `sweep`. */
  begin(...args: readonly string[]): DrillRun;
  /** What is in the home and in the temporary folder, and the processes that know of either. */
  left(): readonly string[];
  close(): void;
}

export function openDrills(): Drills {
  const files = createWorkspace();
  const home = files.path("home");
  const temporary = files.path("tmp");
  fs.mkdirSync(temporary);
  const bytes = snapshotBytes("kubernetes-1.35-main.db");
  const good = files.write("good.db", bytes);
  let begun = 0;
  return {
    ...{ home, good },
    path: (name) => files.path(name),
    damagedAt(time) {
      const altered = Buffer.from(bytes);
      // Behind the meta pages, up to the digest at the end.
      const at = 8192 + ((time * 104_729 + 61_808) % (bytes.length - 8192));
      altered.writeUInt8(altered.readUInt8(at) ^ (1 << (time % 8)), at);
      return files.write("damaged.db", altered);
    },
    begin(command = "", ...args) {
      begun += 1;
      const reports = files.path(`reports-${begun}`);
      const own = command === "drill" ? ["--engine", "embedded", "--report", reports] : [];
      const env = { TMPDIR: temporary };
      const run = beginCommand([command, ...args, "--home", home, ...own], undefined, env);
      const report = () => currentReport(reports);
      return { ...run, reports, report, name: () => report()?.stack ?? "" };
    },
    left() {
      const entries = [home, temporary].flatMap((folder) =>
        fs.existsSync(folder) ? fs.readdirSync(folder).map((name) => path.join(folder, name)) : [],
      );
      const processes = [home, temporary].flatMap((folder) => processesOf(folder));
      return [...entries, ...processes.map(({ pid, command }) => `${pid} ${command}`)];
    },
    close() {
      for (const { pid } of processesOf(files.path(""))) killIfThere(pid);
      files.remove();
    },
  };
}
