/** What `start` leaves behind and says at an end without a proof: reports of this run, the cause, and what to type. */
import { visible } from "../etcd/wire/visible";
import { currentReport, writeEnd } from "../etcd/report/evidence";
import type { EndOfRun } from "../etcd/report/end";
import type { Phase, Report } from "../etcd/report/report";
import type { EngineResult, Failure } from "../engine/engine";
import { messageOfError } from "./errors";
import { interruptedCode } from "./interrupt";
import { EXIT } from "./outcome";
import { programTyped, typed } from "./project";
import { shellWord } from "./shell-word";
import type { TypedAgain } from "./typed-again";

/** What is known of a run from its beginning. */
export type BeginningOfRun = Omit<EndOfRun, "verdict" | "phase" | "reason" | "phases">;

/** Of a run of which nothing was typed that is to be typed again. */
const NOTHING_TYPED: TypedAgain = { start: "", stop: "", doctor: "" };

/** How a run ended that proved nothing, or the contrary of what was hoped for. */
export interface BadEnd {
  readonly exitCode: number;
  /** The cause in one line. */
  readonly cause: string;
  /** What to do, with the command to type. */
  readonly remedy: string;
  readonly phase: Phase["name"];
}

/** Reads from a failed run of the program what ended it. */
export function badEnd(
  result: EngineResult,
  exitCode: number,
  run: BeginningOfRun,
  again = NOTHING_TYPED,
): BadEnd {
  const [failure] = result.failures;
  // Of a run that was interrupted it is what was at work then that names the phase.
  const phase = phaseOf(result.failures.find(({ urn }) => urn !== undefined) ?? {});
  const interrupted = interruptedCode();
  const code = interrupted ?? exitCode;
  const cause = interrupted === undefined ? causeOf(failure?.message ?? "") : "interrupted";
  return { exitCode: code, cause, remedy: remedyFor(code, phase, run, again), phase };
}

/** The same of an error that the engine threw. */
export function badEndOf(
  error: unknown,
  exitCode: number,
  run: BeginningOfRun,
  again = NOTHING_TYPED,
): BadEnd {
  const code = interruptedCode() ?? exitCode;
  const phase = "preflight";
  return {
    exitCode: code,
    cause: causeOf(messageOfError(error)),
    remedy: remedyFor(code, phase, run, again),
    phase,
  };
}

/**
 * Writes the reports of a run that came to no verification; those of a verification that failed stay, they say more.
 * @returns the report, written or not
 */
export function reportBadEnd(directory: string, run: BeginningOfRun, end: BadEnd): Report {
  const current = currentReport(directory);
  if (end.phase === "verify" && current !== undefined && current.ended === undefined)
    return current;
  return writeEnd(directory, endOfRun(run, end));
}

/** A bad end as reports tell it: what the user gave us, or a check, is at fault, or the world was. */
export function endOfRun(run: BeginningOfRun, end: BadEnd): EndOfRun {
  const { exitCode, cause, remedy, phase } = end;
  const isFault = exitCode === EXIT.usage || exitCode === EXIT.checkFailed;
  return { ...run, verdict: isFault ? "fail" : "incomplete", phase, reason: `${cause}; ${remedy}` };
}

/** The phase that a resource belongs to, by the last part of its URN. */
function phaseOf({ urn }: Pick<Failure, "urn">): Phase["name"] {
  const name = urn?.split("::").at(-1);
  if (name === undefined) return "preflight";
  const phases: readonly (readonly [RegExp, Phase["name"]])[] = [
    [/verification/, "verify"],
    [/copy|upload/, "copy"],
    [/restore|bump/, "restore"],
    [/install|programs|ready/, "install"],
  ];
  return phases.find(([pattern]) => pattern.test(name))?.[1] ?? "provision";
}

/** Of a program, or of a script, which says who it is, and for which member. */
const SAYS_ERROR = /^(?:[\w-]+: )*error: /;

/** What restore.sh says of its steps, for a member or alone. */
const SAYS_STEP = /^(?:[\w-]+: )?restore: /;
/** How a command ended, behind its last line or in one of its own. */
const ENDING = /\s*\((exit status \d+|signal \w+)\)\s*$/;

/**
 * The cause in one line: of what a program of ours said its error, which stands last. A script's error may be that of one
 * that it called, whose own error is the one before it, and says what happened.
 */
export function causeOf(message: string): string {
  const lines = message
    .replace(ENDING, "")
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  const errors = lines.filter((line) => SAYS_ERROR.test(line));
  const said = errors.at(-1) ?? brokenOff(lines, ENDING.exec(message)?.[1]) ?? lines[0] ?? "";
  const list = said.endsWith(":") ? listBehind(lines.slice(lines.lastIndexOf(said) + 1)) : "";
  const inner = errors.slice(-2, -1).filter((line) => !line.startsWith("error: "));
  const whole = [said, ...inner].map((line) => line.replace(SAYS_ERROR, ""));
  return visible(`${whole.join(": ")}${list}`) || "no reason was given";
}

/** A script that came to no end of its own said its steps, and whoever ran it perhaps why it ended. */
function brokenOff(lines: readonly string[], ending = "no exit status"): string | undefined {
  const last = lines.at(-1) ?? "";
  if (!lines.some((line) => SAYS_STEP.test(line))) return undefined;
  return SAYS_STEP.test(last)
    ? `it broke off with ${ending} at "${last.replace(SAYS_STEP, "")}"`
    : last;
}

/** The first of the lines that a line with a colon announces, and how many more there are. */
function listBehind(lines: readonly string[]): string {
  const [first, ...more] = lines.map((line) => line.replace(/^- /, ""));
  if (first === undefined) return "";
  return ` ${first}${more.length === 0 ? "" : ` (and ${more.length} more)`}`;
}

/** Of a verification that did not pass. */
export const SEE_REPORT = "the report says what differs, or why it could not be checked";

function remedyFor(
  exitCode: number,
  phase: Phase["name"],
  run: BeginningOfRun,
  again: TypedAgain,
): string {
  const file = shellWord(run.snapshot.file);
  const [start, stop] = [typed("start", again.start), typed("stop", again.stop)];
  const doctor = `${programTyped()} doctor${again.doctor}`;
  if (exitCode > 128) return `go on with \`${start}\`, or remove what was made with \`${stop}\``;
  if (phase === "verify") {
    return `${SEE_REPORT}; go on with \`${start}\`, or remove it with \`${stop}\``;
  }
  if (exitCode === EXIT.usage) {
    return run.snapshot.file === ""
      ? `mend the settings; \`${doctor}\` checks them`
      : `\`${programTyped()} inspect ${file}\` says what the backup holds, \`${doctor}\` what is needed`;
  }
  return phase === "preflight"
    ? `\`${doctor}\` says what is needed; then \`${start}\` again`
    : `mend it and run \`${start}\` again, or remove what was made with \`${stop}\``;
}
