/** Text as Go's JSON writes it: whatever of it is no UTF-8 becomes U+FFFD, one for each such byte (`encoding/json`). */
import { isUtf8 } from "node:buffer";

export function goText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = [1, 2, 3, 4].find((size) => isUtf8(bytes.subarray(at, at + size))) ?? 0;
    const isWhole = length > 0 && at + length <= bytes.length;
    text += isWhole ? bytes.toString("utf8", at, at + length) : "\ufffd";
    at += isWhole ? length : 1;
  }
  return text;
}
