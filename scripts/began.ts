/**
 * When the run began that this process is a part of: an engine runs the verification as a process of its own, and the
 * report tells the wall clock from the start of the command that was typed.
 */
const BEGAN = "ETCD_RESTORE_BEGAN";

/** Notes when this process began, for those that it starts; it may be one of those itself. */
export function noteBeginning(environment = process.env): void {
  environment[BEGAN] ??= new Date(performance.timeOrigin).toISOString();
}

/** A run begins in a process that has had others before. */
export function beginAnew(at: Date, environment = process.env): void {
  environment[BEGAN] = at.toISOString();
}

/** What was noted; now where nothing was, or no time that can be meant. */
export function beginning(environment = process.env, now = new Date()): Date {
  const noted = new Date(environment[BEGAN] ?? "");
  return noted.getTime() <= now.getTime() ? noted : now;
}
