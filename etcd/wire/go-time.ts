/** Moments as Go writes them in JSON (RFC 3339 with up to nine digits of a second), in nanoseconds since 1970. */

/** Undefined for Go's zero time, which means never, and for what is no time. */
export function nanoseconds(text: string): bigint | undefined {
  const [, seconds, fraction = "", zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const whole = Date.parse(`${seconds ?? ""}${zone ?? ""}`);
  if (!(whole > 0)) return undefined;
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** The same as text, in UTC, to the millisecond. */
export function isoOf(moment: bigint): string {
  return new Date(Number(moment / 1_000_000n)).toISOString();
}

/** The same as Go writes it: nine digits of a second, without zeros at their end. */
export function goTimeText(moment: bigint): string {
  const seconds = new Date(Number(moment / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  const fraction = String(moment % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}
