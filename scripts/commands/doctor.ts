import pc from "picocolors";
import { version } from "../../package.json";
import { lookAtBackup } from "./doctor/backup";
import { cloudChecks } from "./doctor/cloud";
import { computerChecks, programsCheck, runtimeChecks } from "./doctor/local";
import { readSubject, type SubjectOptions } from "./doctor/subject";
import { doctorText } from "./doctor/text";
import type { GlobalOptions } from "../etcd-restore";
import { abortOnInterrupt } from "../lab";
import { EXIT } from "../outcome";

export type DoctorOptions = GlobalOptions & SubjectOptions & { readonly file?: string };

/** Looks at everything that `up` will need, changes nothing, and says how to mend it; returns the exit code. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const signal = abortOnInterrupt();
  const subject = readSubject(options);
  const { check, facts } = await lookAtBackup(subject, options.file, signal);
  const checks = [
    ...runtimeChecks(subject),
    check,
    await programsCheck(subject, facts),
    ...(subject.target === "local"
      ? await computerChecks(subject, facts)
      : await cloudChecks(subject, facts, process.env, signal)),
  ];
  const ready = checks.every(({ verdict }) => verdict !== "fail");
  if (options.json === true) {
    const { target, stack } = subject;
    const verdict = ready ? "ready" : "not-ready";
    const tool = `etcd-restore ${version}`;
    process.stdout.write(
      `${JSON.stringify({ schemaVersion: 1, tool, verdict, target, stack, checks })}\n`,
    );
  } else {
    process.stdout.write(`${doctorText(subject, checks, pc.isColorSupported)}\n`);
  }
  return ready ? EXIT.good : EXIT.checkFailed;
}
