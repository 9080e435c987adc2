import * as path from "node:path";
import pc from "picocolors";
import { manifestOf, readBackup } from "../../etcd/backup/backup-file";
import type { Endpoint } from "../../etcd/client/endpoint";
import { hashAhead } from "../../etcd/proof/hash-ahead";
import { verify as proveEndpoint } from "../../etcd/proof/verify";
import type { Phase, Report, VerificationLevel } from "../../etcd/report/report";
import { reportText, verdictLine } from "../../etcd/report/text";
import { writeReports } from "../../etcd/report/write-all";
import type { GlobalOptions } from "../etcd-restore";
import { findEndpoint, type EndpointOptions } from "../endpoint";
import { abortOnInterrupt } from "../lab";
import { EXIT } from "../outcome";
import { progressLines, tellProgress } from "../progress-lines";
import { readRequest } from "../steps/request";
import { Access, throughSsh } from "../through-ssh";

export type VerifyOptions = GlobalOptions &
  EndpointOptions & {
    readonly file: string;
    readonly level: VerificationLevel;
    readonly expect: readonly string[];
    readonly phase: readonly Phase[];
    readonly report?: string;
    readonly inUse?: boolean;
    /** By how much the revision was bumped at the restore. */
    readonly bumped?: number;
    /** stdin is a JSON object as `Access` says. */
    readonly accessStdin?: boolean;
    /** Folder where the program keeps what it unpacked. */
    readonly unpacked?: string;
  };

/** Compares a running etcd with a backup and prints the report; returns the exit code. */
export async function verify(options: VerifyOptions): Promise<number> {
  const signal = abortOnInterrupt();
  const { password, ssh } = options.accessStdin === true ? await readRequest(Access) : {};
  const named = await findEndpoint(options, signal);
  const target = password === undefined ? named : { ...named, password };
  const file = path.resolve(options.file);
  const report = await throughSsh(target, ssh, signal, (endpoint) =>
    prove(options, file, endpoint, signal),
  );
  if (options.report !== undefined) writeReports(report, path.resolve(options.report));
  print(report, options);
  return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
}

/** Reads the backup, and compares the etcd with it; the etcd hashes its store meanwhile. */
async function prove(
  options: VerifyOptions,
  file: string,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<Report> {
  const startedAt = new Date();
  const say = options.quiet === true ? () => undefined : progressLines();
  const ahead = hashAhead(endpoint, signal);
  try {
    const { snapshot, backup } = await readBackup(file, {
      signal,
      keepIn: options.unpacked,
      ...tellProgress(file, say),
    });
    try {
      const manifest = manifestOf(backup);
      const read: Phase = { name: "preflight", seconds: secondsSince(startedAt) };
      return await proveEndpoint({
        snapshot: { ...snapshot, file: backup.name },
        endpoint,
        ahead,
        level: options.level,
        expectedKeys: options.expect,
        inUse: options.inUse === true,
        ...(options.bumped === undefined ? {} : { bumpedBy: options.bumped }),
        ...(manifest === undefined ? {} : { manifest }),
        phases: [read, ...options.phase],
        startedAt,
        signal,
        onProgress: (done, total) => {
          say(`comparing: ${done} of ${total} keys`);
        },
      });
    } finally {
      snapshot.close();
    }
  } finally {
    ahead.close();
  }
}

/** The report for people on stdout, or with `--json` as JSON there and its last line on stderr. */
function print(report: Report, options: VerifyOptions): void {
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    process.stderr.write(
      `${report.verdict === "pass" ? verdictLine(report) : reportText(report, { color: pc.isColorSupported })}\n`,
    );
  } else process.stdout.write(`${reportText(report, { color: pc.isColorSupported })}\n`);
}

function secondsSince(start: Date): number {
  return (Date.now() - start.getTime()) / 1000;
}
