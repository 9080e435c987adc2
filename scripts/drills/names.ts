/**
 * A drill's name, which is its stack's name as well: `drill-RANDOM-DEADLINE`. The second part is the minute (Unix time, in
 * base 36) until which it may live, what it keeps included: whoever finds something of that name in a cloud, on whatever
 * computer, can tell that its drill has ended, without asking the computer that it ran on.
 */
import { randomBytes } from "node:crypto";

const NAME = /^drill-([a-z0-9]{8})-([a-z0-9]{5,7})$/;
const MINUTE_MS = 60_000;

/** A new name for a drill that will have ended at a moment, whatever happens. */
export function drillName(mayLiveUntil: Date): string {
  const random = BigInt(`0x${randomBytes(8).toString("hex")}`)
    .toString(36)
    .padStart(8, "0");
  const minutes = Math.ceil(mayLiveUntil.getTime() / MINUTE_MS);
  return `drill-${random.slice(-8)}-${minutes.toString(36)}`;
}

/** Until when a drill of this name may live; undefined for what is no name of a drill. */
export function deadlineOf(name: string): Date | undefined {
  const minutes = NAME.exec(name)?.[2];
  return minutes === undefined ? undefined : new Date(Number.parseInt(minutes, 36) * MINUTE_MS);
}
