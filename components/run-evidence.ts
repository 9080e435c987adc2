/**
 * The reports of a run that Pulumi's own CLI has begun, however it ends. (`start` and `drill` write their own.)
 *
 * The program is told of no failure of a resource, and may be ended in the midst of it: so what stands in the reports from
 * its beginning is that this run has not come to its end. A verification writes its own over them; a run that finds
 * everything unchanged puts back those of the proof that still holds.
 */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { levelNamed, type EndOfRun } from "../etcd/report/end";
import { putBack, writeEnd } from "../etcd/report/evidence";
import { visible } from "../etcd/wire/visible";
import { shownAddress } from "../sources/address";

/** Why a program refuses: its settings or the backup are wrong, or the computer or the cloud is not ready. */
export type RefusalKind = "settings" | "not ready";

export interface RunEvidence {
  /** The program has said all that it wants; Pulumi goes on making it. */
  readonly wanted: (outputs: pulumi.Inputs) => void;
  /** The program refuses to go on, or was told of an error. */
  readonly refused: (error: Error, kind: RefusalKind) => void;
}

/** Begins the evidence of this run; a preview leaves none unless it ends in a refusal, as that of an `up` does. */
export function openEvidence(): RunEvidence {
  const config = new pulumi.Config();
  const lab = path.resolve(config.get("labDirectory") ?? ".lab");
  const isPreview = pulumi.runtime.isDryRun();
  const run = {
    // A link may hold a signature.
    snapshot: { file: shownAddress(config.get("snapshot") ?? "") },
    level: levelNamed(config.get("verification")),
    startedAt: new Date(performance.timeOrigin),
    stack: pulumi.getStack(),
  };
  let phase: EndOfRun["phase"] = "preflight";
  const end = (rest: Pick<EndOfRun, "verdict" | "reason">): void => {
    try {
      writeEnd(lab, { ...run, phase, ...rest });
    } catch (error) {
      // What the run is about goes on; that it leaves no report is said.
      void pulumi.log.warn(`the report of this run cannot be written to ${lab}: ${String(error)}`);
    }
  };

  if (!isPreview) {
    const reason =
      "the run has not come to its end yet, or was ended; what Pulumi printed says why";
    end({ verdict: "incomplete", reason });
  }
  return {
    wanted(outputs) {
      if (isPreview) return;
      const reason =
        "what was to be made came to no verification, or is not made yet; what Pulumi printed says why";
      phase = "provision";
      end({ verdict: "incomplete", reason });
      pulumi.output(outputs).apply(() => {
        putBack(lab);
      });
    },
    refused(error, kind) {
      const said = visible(error.message.split(/\n\s*/).join(" "));
      const reason = `${said}; \`npx etcd-restore doctor\` checks what is needed, then the same again`;
      const verdict = kind === "settings" ? "fail" : "incomplete";
      end({ verdict, reason });
    },
  };
}
