/**
 * Names of what we make in a cluster: they tell whose it is, so that the next run on this computer removes what one that
 * was killed has left, and nobody removes what another one is using.
 */
import { createHash, randomBytes } from "node:crypto";
import * as os from "node:os";

/** Seconds that anything of ours may be needed for, and after which the cluster itself ends our pods. */
export const DEADLINE_S = 3600;
const NAME = /^etcd-restore-([0-9a-f]{8})-(\d+)-[0-9a-f]{6}(?:\.db(?:\.part)?)?$/;

/** This computer, without saying its name. */
function here(): string {
  return createHash("sha256").update(os.hostname()).digest("hex").slice(0, 8);
}

/** A new name, `etcd-restore-COMPUTER-PROCESS-RANDOM`. */
export function ownName(): string {
  return `etcd-restore-${here()}-${process.pid}-${randomBytes(3).toString("hex")}`;
}

/**
 * Whether something was left by a run that is over: its process on this computer is gone, or it is older than any run.
 * What has no name of ours never is.
 */
export function isLeft(name: string, ageSeconds: number): boolean {
  const [, computer, pid] = NAME.exec(name) ?? [];
  if (computer === undefined || pid === undefined) return false;
  if (ageSeconds > DEADLINE_S) return true;
  return computer === here() && !runs(Number(pid));
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process runs as well.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
