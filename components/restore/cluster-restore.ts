/** A restore into every member of a cluster, wherever each is: one step that takes them all along. */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Backup } from "../backup";
import type { RestoreMachine } from "../machine";
import { scriptCommand } from "../script";
import { sendParts, type SentParts } from "./remote-restore";
import { bumpToCome, restoreFlags } from "./restore-flags";

/**
 * Restores a backup into all members, in step; gives what the restores printed together, and how long the copy of the
 * programs took, in seconds.
 *
 * One resource for all: no member is restored without the others, whatever the engine does at the same time.
 */
export function restoreCluster(
  name: string,
  backup: Backup,
  machines: readonly RestoreMachine[],
  parent: pulumi.Resource,
): { readonly result: pulumi.Output<string>; readonly programSeconds: pulumi.Output<number> } {
  const parts = machines.map((machine) => {
    const { ssh } = machine;
    if (ssh === undefined) return partsHere(backup, machine);
    // Each is tried alone on a copy of what was restored.
    const storeBytes = 2 * backup.bytes;
    return sendParts(`${name}-${machine.name}`, { backup, machine, ssh, storeBytes }, parent);
  });
  const members = machines.map(({ name: member }, i) => ({ name: member, at: parts[i]?.request }));
  const restored = new command.local.Command(
    `${name}-snapshot`,
    {
      create: scriptCommand("steps/restore-cluster"),
      stdin: pulumi.secret(pulumi.jsonStringify({ members })),
      triggers: [...parts.flatMap(({ triggers }) => triggers), bumpToCome(backup)],
      logging: "stderr",
    },
    { parent, dependsOn: parts.flatMap(({ resources }) => resources) },
  );
  const programSeconds = pulumi
    .all(parts.map((part) => part.programSeconds))
    .apply((seconds) => Math.max(...seconds));
  return { result: restored.stdout, programSeconds };
}

function partsHere(backup: Backup, { instanceId, settings, site }: RestoreMachine): SentParts {
  return {
    request: pulumi.output(site).apply((there) => ({
      here: { flags: restoreFlags(backup, backup.plainFile, there).map(String) },
    })),
    resources: [],
    triggers: [backup.sha256, instanceId, settings],
    programSeconds: pulumi.output(0),
  };
}
