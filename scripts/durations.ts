/** Lengths of time as people type them. */
import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const MOST_SECONDS = 10 * 365 * 86_400;

/**
 * Seconds of `90s`, `10m`, `26h`, `3d`, also together: `1h30m`.
 * @throws InvalidArgumentError for anything else, and for ten years and more
 */
export function durationText(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  const isWhole = parts.map(([part]) => part).join("") === text && parts.length > 0;
  const seconds = parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ""] ?? 0), 0);
  if (!isWhole || seconds <= 0 || seconds > MOST_SECONDS) {
    throw new InvalidArgumentError("It must be a time like 90s, 10m, 26h, 3d or 1h30m.");
  }
  return seconds;
}

/** Seconds since a moment of `performance.now()`. */
export function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
