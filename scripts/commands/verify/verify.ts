/** A verification from what was asked to the report and the exit code. */
import * as path from "node:path";
import type { Endpoint } from "../../../etcd/client/endpoint";
import type { Report } from "../../../etcd/report/report";
import { reportText } from "../../../etcd/report/text";
import { verdictLine } from "../../../etcd/report/verdict-line";
import type { SshRoute } from "../../../machine/ssh/ssh-files";
import { writeReports } from "../../../etcd/report/write-all";
import { findTarget, type Target } from "../../endpoint";
import { messageOfError } from "../../errors";
import { encryptionConfigIn, encryptionConfigOf } from "../../encryption-config";
import { abortOnInterrupt } from "../../interrupt";
import { EXIT, UserError } from "../../outcome";
import { readRequest } from "../../steps/request";
import { colorsFor, columnsOf, printJson, printText, say } from "../../terminal";
import { Access, allThroughSsh } from "../../through-ssh";
import type { VerifyIo, VerifyOptions } from "./options";
import { prove } from "./prove";

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
  assertWays(options, endpoints.length, routes);
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

/** Said before anything is proved: what is refused afterwards would leave no report. */
function assertWays(
  { reboot, kubernetesOn }: VerifyOptions,
  members: number,
  routes: readonly (SshRoute | undefined)[],
): void {
  if (kubernetesOn === "machine" && routes[0] === undefined) {
    throw new UserError(EXIT.usage, "--kubernetes-on machine needs the way to it on stdin");
  }
  if (reboot === true && routes.filter((route) => route !== undefined).length !== members) {
    throw new UserError(EXIT.usage, "--reboot needs the way to each machine on stdin");
  }
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
