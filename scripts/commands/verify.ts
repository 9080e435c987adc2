import * as fs from "node:fs";
import * as path from "node:path";
import { text as readAll } from "node:stream/consumers";
import pc from "picocolors";
import type { Endpoint } from "../../etcd/proof/endpoint";
import { verify as proveEndpoint } from "../../etcd/proof/verify";
import type { Phase, Report, VerificationLevel } from "../../etcd/report/report";
import { reportText, verdictLine } from "../../etcd/report/text";
import { writeReports } from "../../etcd/report/write-all";
import { readManifest } from "../../etcd/source/manifest";
import { readSnapshot } from "../../etcd/snapshot/snapshot";
import type { GlobalOptions } from "../etcd-restore";
import { abortOnInterrupt, labEngine, type LabOptions } from "../lab";
import { EXIT, UserError } from "../outcome";

export type VerifyOptions = GlobalOptions &
  Pick<LabOptions, "engine" | "config"> & {
    readonly file: string;
    readonly stack?: string;
    readonly endpoint?: string;
    readonly cacert?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly user?: string;
    readonly passwordStdin?: boolean;
    readonly level: VerificationLevel;
    readonly expect: readonly string[];
    readonly phase: readonly Phase[];
    readonly report?: string;
  };

/** Compares a running etcd with a backup and prints the report; returns the exit code. */
export async function verify(options: VerifyOptions): Promise<number> {
  const startedAt = new Date();
  const signal = abortOnInterrupt();
  const endpoint = await findEndpoint(options, signal);
  const file = path.resolve(options.file);
  const manifest = readManifest(file);

  const say = options.quiet === true ? () => undefined : progressLines();
  const snapshot = await readSnapshot(file, {
    signal,
    onProgress: (done, total) => {
      say(`reading ${file}: ${Math.floor((100 * done) / total)} %`);
    },
  });
  try {
    const read: Phase = { name: "preflight", seconds: secondsSince(startedAt) };
    const report = await proveEndpoint({
      snapshot,
      endpoint,
      level: options.level,
      expectedKeys: options.expect,
      ...(manifest === undefined ? {} : { manifest }),
      phases: [read, ...options.phase],
      startedAt,
      signal,
      onProgress: (done, total) => {
        say(`comparing: ${done} of ${total} keys`);
      },
    });
    if (options.report !== undefined) writeReports(report, path.resolve(options.report));
    print(report, options);
    return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
  } finally {
    snapshot.close();
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

/** The endpoint that the flags or the stack name, with what its TLS and authentication need. */
async function findEndpoint(options: VerifyOptions, signal: AbortSignal): Promise<Endpoint> {
  if ((options.stack === undefined) === (options.endpoint === undefined)) {
    throw new UserError(
      EXIT.usage,
      "give either --endpoint URL or --stack NAME: which etcd is to be proved?",
    );
  }
  const password =
    options.passwordStdin === true ? (await readAll(process.stdin)).trimEnd() : undefined;
  const login = {
    ...(options.user === undefined ? {} : { username: options.user }),
    ...(password === undefined ? {} : { password }),
  };
  if (options.endpoint === undefined) {
    return { ...(await stackEndpoint(options, signal)), ...login };
  }
  const { cacert, cert, key } = options;
  if (cacert === undefined && cert === undefined && key === undefined) {
    return { url: options.endpoint, ...login };
  }
  if (cacert === undefined || cert === undefined || key === undefined) {
    throw new UserError(
      EXIT.usage,
      "--cacert, --cert and --key go together; one of them is missing",
    );
  }
  const tls = { ca: readPem(cacert), certificate: readPem(cert), key: readPem(key) };
  return { url: options.endpoint, tls, ...login };
}

async function stackEndpoint(options: VerifyOptions, signal: AbortSignal): Promise<Endpoint> {
  const outputs = await labEngine({ ...options, quiet: true, signal }).outputs();
  const text = (name: string): string => {
    const value = outputs[name]?.value;
    if (typeof value === "string") return value;
    throw new UserError(
      EXIT.usage,
      `stack ${String(options.stack)} has no output ${name}; is it up? (npm start, or pulumi up)`,
    );
  };
  return {
    url: text("clientEndpoint"),
    tls: {
      ca: text("caCertificate"),
      certificate: text("clientCertificate"),
      key: text("clientKey"),
    },
  };
}

function readPem(file: string): string {
  try {
    return fs.readFileSync(path.resolve(file), "utf8");
  } catch (error) {
    throw new UserError(EXIT.usage, `cannot read ${file}: ${(error as Error).message}`);
  }
}

/** Says a line at most once a second. */
function progressLines(): (line: string) => void {
  let last = Date.now();
  return (line) => {
    if (Date.now() - last < 1000) return;
    last = Date.now();
    process.stderr.write(`${line}\n`);
  };
}

function secondsSince(start: Date): number {
  return (Date.now() - start.getTime()) / 1000;
}
