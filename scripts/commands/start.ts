import * as fs from "node:fs";
import * as path from "node:path";
import pc from "picocolors";
import { readReport } from "../../etcd/report/json";
import { reportText } from "../../etcd/report/text";
import { abortOnInterrupt, labEngine, type LabOptions } from "../lab";
import { EXIT, UserError, exitCodeOf } from "../outcome";
import type { GlobalOptions } from "../etcd-restore";

export type StartOptions = GlobalOptions & Pick<LabOptions, "engine" | "config">;

/** Restores a backup into the etcd of this computer and shows the proof; returns the exit code. */
export async function start(file: string | undefined, options: StartOptions): Promise<number> {
  const quiet = options.quiet === true;
  const say = (text: string): void => {
    if (!quiet) process.stderr.write(`${text}\n`);
  };
  const config =
    file === undefined
      ? options.config
      : { ...options.config, "etcd-restore:snapshot": path.resolve(file) };
  const engine = labEngine({ ...options, config, quiet, signal: abortOnInterrupt() });

  say(engine.description);
  const result = await engine.up();
  if (!result.ok) {
    // Live progress has shown them; without it they are said here.
    if (quiet)
      for (const { message } of result.failures) process.stderr.write(`error: ${message}\n`);
    return exitCodeOf(result);
  }

  const outputs = await engine.outputs();
  const text = (name: string): string => {
    const value = outputs[name]?.value;
    if (typeof value !== "string")
      throw new UserError(EXIT.environment, `the stack has no output ${name}`);
    return value;
  };
  const report = readReport(text("report"));
  if (options.json === true) process.stdout.write(fs.readFileSync(text("report"), "utf8"));
  else process.stdout.write(`${reportText(report, { color: pc.isColorSupported })}\n`);
  say(lookAround(text("etcdctl"), text("report")));
  return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
}

/** What to type next. */
function lookAround(etcdctl: string, reportFile: string): string {
  return [
    "",
    pc.bold("The etcd is running. Look inside with"),
    "  npx etcd-restore ls /registry/ --stack local",
    "  npx etcd-restore get /registry/namespaces/default --stack local",
    `  ${etcdctl} get / --prefix --keys-only --limit=20`,
    pc.bold("Its report is"),
    `  ${reportFile}`,
    pc.bold("Stop it and remove everything with"),
    "  npm stop",
  ].join("\n");
}
