/** The CLI's engine events as progress, failures and counts. */

import type { DiagnosticEvent, EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation";
import type { ChangeSummary, Failure } from "../engine";
import type { Operation, Progress } from "../progress/types";

export interface EventReader {
  read(event: EngineEvent): void;
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

/** `preview`: steps are what would be done. */
export function readEvents(progress: Progress, preview: boolean): EventReader {
  const failures: Failure[] = [];
  let changes: ChangeSummary = {};

  function step(
    { urn, op, diffs, new: wanted, old }: StepEventMetadata,
    phase: "started" | "ended",
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

  function failed({ urn, op }: StepEventMetadata): void {
    const failure = failures.findLast((each) => each.urn === urn);
    if (isOperation(op)) progress.ended(urn, op, failure?.message ?? "it failed");
  }

  function diagnostic(event: DiagnosticEvent): void {
    const text = withoutColours(event.message).trimEnd();
    const urn = event.urn === undefined || isStack(event.urn) ? undefined : event.urn;
    if (text === "") return;
    if (event.severity === "error") {
      // The last words of every failed run.
      if (/^(update|preview|destroy) failed$/.test(text)) return;
      const message = readable(text);
      failures.push(urn === undefined ? { message } : { urn, message });
      if (urn === undefined) progress.note(`error: ${text}`);
    } else if (event.severity === "warning") {
      progress.note(`warning: ${text}`);
    } else if (event.ephemeral === true) {
      progress.passing(text);
    } else {
      for (const line of text.split("\n")) {
        if (urn === undefined) progress.note(line);
        else progress.said(urn, line);
      }
    }
  }

  return {
    read(event) {
      if (event.resourcePreEvent) step(event.resourcePreEvent.metadata, "started");
      if (event.resOutputsEvent) step(event.resOutputsEvent.metadata, "ended");
      if (event.diagnosticEvent) diagnostic(event.diagnosticEvent);
      if (event.resOpFailedEvent) failed(event.resOpFailedEvent.metadata);
      if (event.summaryEvent) changes = counted(event.summaryEvent.resourceChanges);
    },
    failures: () => failures,
    changes: () => changes,
  };
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

/** Events carry Pulumi's own colour marks, `<{%fg 1%}>` and the like. */
function withoutColours(text: string): string {
  return text.replace(/<\{%[^%]*%\}>/g, "");
}

/**
 * What went wrong without the lines of a stack, and for a command what it said: the provider's message begins with the whole
 * command text (`exit status 3: running "…":`).
 */
export function readable(text: string): string {
  const message = text
    .replace(/^\d+ errors? occurred:\s*\*\s*/, "")
    .split("\n")
    .filter((line) => !/^\s+at /.test(line))
    .join("\n")
    .trim();
  const command =
    /^(exit status \d+|signal: [\w ]+): running "(?:[^"\\]|\\.)*":?\s*([\s\S]*)$/.exec(message);
  if (command === null) return message;
  const [, ending = "", said = ""] = command;
  return said.trim() === ""
    ? `the command ended with ${ending} and did not say why`
    : `${said.trim()} (${ending})`;
}
