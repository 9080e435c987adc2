/**
 * The CLI's engine events as progress, failures and counts.
 *
 * Its log holds more than what it prints: settings in clear, whole resources, diagnostics of severity `debug` with every
 * property in them. So only what is known to be for people is told, and whatever else there is, or will be, is not.
 */

import type { ChangeSummary, Failure } from "../engine";
import type { Mask } from "../mask";
import type { Operation, Progress } from "../progress/types";
import { engineEventOf, type Diagnostic, type Policy, type StepMetadata } from "./engine-event";
import { failureOf, withoutColours } from "./provider-message";

export interface EventReader {
  read(event: unknown): void;
  failures(): readonly Failure[];
  changes(): ChangeSummary;
}

const OPERATIONS: ReadonlySet<string> = new Set<Operation>([
  "create",
  "update",
  "replace",
  "create-replacement",
  "delete-replaced",
  "delete",
  "same",
]);
const COUNTED = ["create", "update", "replace", "delete", "same"] as const;

/** The parts of the CLI that take their time before anything happens. */
const SLOW_BEGINNINGS: ReadonlySet<string> = new Set(["plugin-download", "plugin-install"]);

/**
 * @param mask for the failures; what goes to `progress` is hidden there.
 * @param preview steps are what would be done.
 * @param refusal the kind of an error that the program tells.
 */
export function readEvents(
  progress: Progress,
  mask: Pick<Mask, "hide">,
  preview: boolean,
  refusal: () => Pick<Failure, "kind">,
): EventReader {
  const failures: Failure[] = [];
  const seen = new Set<number>();
  let changes: ChangeSummary = {};
  const fail = (failure: Failure): void => {
    failures.push({ ...failure, message: mask.hide(failure.message) });
  };
  const to: Listeners = { progress, mask, preview, refusal, fail };

  /**
   * The SDK follows the log of an older CLI by @logdna/tail-file 2.2.0, whose `quit()` begins a last read while another may
   * be under way, from the same place: what was written last is then told twice.
   */
  function isTold(sequence: number | undefined): boolean {
    if (sequence === undefined) return false;
    if (seen.has(sequence)) return true;
    seen.add(sequence);
    return false;
  }

  return {
    read(value) {
      const event = engineEventOf(value);
      if (event === undefined || isTold(event.sequence)) return;
      if (event.resourcePreEvent) step(event.resourcePreEvent.metadata, "started", to);
      if (event.resOutputsEvent) step(event.resOutputsEvent.metadata, "ended", to);
      if (event.diagnosticEvent) diagnostic(event.diagnosticEvent, to);
      if (event.policyEvent) policy(event.policyEvent, to);
      if (event.progressEvent && SLOW_BEGINNINGS.has(event.progressEvent.type)) {
        progress.passing(withoutColours(event.progressEvent.message));
      }
      if (event.resOpFailedEvent) {
        const { urn, op } = event.resOpFailedEvent.metadata;
        const failure = failures.findLast((each) => each.urn === urn);
        if (isOperation(op)) progress.ended(urn, op, failure?.message ?? "it failed");
      }
      if (event.summaryEvent) changes = counted(event.summaryEvent.resourceChanges);
    },
    failures: () => failures,
    changes: () => changes,
  };
}

/** Where what an event says goes. */
interface Listeners {
  readonly progress: Progress;
  readonly mask: Pick<Mask, "hide">;
  readonly preview: boolean;
  refusal(): Pick<Failure, "kind">;
  readonly fail: (failure: Failure) => void;
}

function step(
  { urn, op, diffs, new: wanted, old }: StepMetadata,
  phase: "started" | "ended",
  { progress, preview }: Listeners,
): void {
  // `replace` is the name for the two steps that follow it.
  if (!isOperation(op) || op === "replace") return;
  progress.registered(urn, wanted?.parent ?? old?.parent ?? "");
  if (preview) {
    if (phase === "started") progress.planned(urn, op, diffs ?? []);
  } else if (phase === "started") {
    if (op !== "same") progress.started(urn, op);
  } else progress.ended(urn, op);
}

function diagnostic(event: Diagnostic, to: Listeners): void {
  const text = withoutColours(event.message).trimEnd();
  const urn = event.urn === undefined || isStack(event.urn) ? undefined : event.urn;
  if (text === "") return;
  switch (event.severity) {
    case "error":
      // The last words of every failed run.
      if (/^(update|preview|destroy) failed$/.test(text)) return;
      to.fail({ ...failureOf(text), ...(urn === undefined ? to.refusal() : { urn }) });
      if (urn === undefined) to.progress.note(`error: ${text}`);
      return;
    case "warning":
      to.progress.note(`warning: ${text}`);
      return;
    case "info":
    case "info#err":
      info(text, urn, event.ephemeral === true, to);
  }
}

function info(
  text: string,
  urn: string | undefined,
  isPassing: boolean,
  { progress, mask }: Listeners,
): void {
  if (isPassing) {
    progress.passing(text);
    return;
  }
  for (const line of mask.hide(text).split("\n")) {
    if (urn === undefined) progress.note(line);
    else progress.said(urn, line);
  }
}

function policy(
  { policyName, message, enforcementLevel, resourceUrn }: Policy,
  { progress, fail }: Listeners,
): void {
  const text = `policy ${policyName}: ${withoutColours(message).trim()}`;
  if (enforcementLevel !== "mandatory") progress.note(`warning: ${text}`);
  else {
    fail({ message: text, ...(resourceUrn !== undefined && { urn: resourceUrn }) });
    progress.note(`error: ${text}`);
  }
}

function isOperation(name: string): name is Operation {
  return OPERATIONS.has(name);
}

function isStack(urn: string): boolean {
  return urn === "" || urn.includes("::pulumi:pulumi:Stack::");
}

function counted(all: Readonly<Partial<Record<string, number>>>): ChangeSummary {
  return Object.fromEntries(
    COUNTED.flatMap((name) => {
      const count = all[name] ?? 0;
      return count > 0 ? [[name, count]] : [];
    }),
  );
}
