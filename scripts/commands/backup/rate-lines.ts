import { size } from "../../../etcd/wire/figures";

/** Says once a second how much came, of how much, and how fast. The size that the source names is about that of the snapshot. */
export function rateLines(
  what: string,
  say: (line: string) => void,
): (bytes: number, ofBytes: number) => void {
  const begun = performance.now();
  let last = begun;
  let before = 0;
  return (bytes, ofBytes) => {
    const now = performance.now();
    if (now - last < 1000) return;
    const rate = ((bytes - before) * 1000) / (now - last);
    last = now;
    before = bytes;
    const percent = ofBytes > 0 ? ` (${Math.min(100, Math.floor((100 * bytes) / ofBytes))} %)` : "";
    say(`${what}: ${size(bytes)} of about ${size(ofBytes)}${percent}, ${size(rate)}/s`);
  };
}
