/** The cluster under test, and our command on it. */
import { execFile as execFileCallback } from "node:child_process";
import { promisify } from "node:util";
import { inject } from "vitest";
import { beginCommand, type Ended, type Running } from "../../support/lab";

const execFile = promisify(execFileCallback);

export const { environment, node, helperImage } = inject("cluster");
// Our command and the kubectl that it starts are to find the cluster as a user's do.
Object.assign(process.env, environment);

/** Begins our command. */
export function begin(...args: readonly string[]): Running {
  return beginCommand(args);
}

/** Runs our command to its end. */
export function run(...args: readonly string[]): Promise<Ended> {
  return begin(...args).ended;
}

/** Runs kubectl as the lab's administrator. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  return (await execFile("kubectl", [...args])).stdout;
}

/** Names of the pods of ours that are in the cluster, those apart that are on their way out. */
export async function ourPods(): Promise<readonly string[]> {
  const label = "app.kubernetes.io/managed-by=etcd-restore";
  const answer = await kubectl("get", "pods", "-A", "-l", label, "-o", "json");
  const { items } = JSON.parse(answer) as {
    items: { metadata: { name: string; deletionTimestamp?: string } }[];
  };
  return items.flatMap(({ metadata }) =>
    metadata.deletionTimestamp === undefined ? [metadata.name] : [],
  );
}
