/** What drills have left in an OpenStack whose computer or state is lost: found by its tags, and removed. */
import { findCredentials } from "../../openstack/credentials";
import { openSession, OpenStackError } from "../../openstack/session";
import { findTagged, removeTagged, type Tagged } from "../../openstack/tagged";
import type { FoundDrill } from "./home";
import { deadlineOf } from "./names";

/** One drill as it is shown. */
export interface Row {
  readonly name: string;
  readonly state: FoundDrill["state"];
  readonly action: "removed" | "not removed" | "to be removed" | "left alone";
  /** Its folder, or what it is in the cloud. */
  readonly directory: string;
  readonly reason?: string;
}

/**
 * Removes what is of a drill that cannot run any more: its name says until when it may live, on whatever computer.
 * @param alive names that are known to be at work or kept here
 * @throws CloudError when the cloud cannot be asked
 */
export async function sweepCloud(
  alive: readonly string[],
  dryRun: boolean,
  now = new Date(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<readonly Row[]> {
  const session = await openSession(findCredentials(env, process.cwd()));
  const found = await findTagged(session, (stack) => deadlineOf(stack) !== undefined);
  const rows: Row[] = [];
  for (const name of [...new Set(found.map(({ stack }) => stack))].sort()) {
    const own = found.filter(({ stack }) => stack === name);
    const ended = (deadlineOf(name) ?? now) < now && !alive.includes(name);
    const row = { name, directory: own.map(titleOf).join(", ") };
    if (!ended) rows.push({ ...row, state: "running", action: "left alone" });
    else if (dryRun) rows.push({ ...row, state: "left", action: "to be removed" });
    else {
      try {
        await removeTagged(session, own);
        rows.push({ ...row, state: "left", action: "removed" });
      } catch (error) {
        if (!(error instanceof OpenStackError)) throw error;
        rows.push({ ...row, state: "left", action: "not removed", reason: error.message });
      }
    }
  }
  return rows;
}

function titleOf({ kind, id, name }: Tagged): string {
  return `${kind} ${name === "" ? id : name}`;
}
