/** Buffers beside the index in which a server's answers are compared in place. */
import type { RecordIndex } from "./record-index";
import type { RangeComparer } from "./types";

export const NO_DIGESTS =
  "the snapshot was read without digests: its records cannot be compared with others";

/** Puts the buffers behind the list of live keys; `LiveKeys.comparer` says what for. */
export function createRangeComparer(
  index: RecordIndex,
  liveKeys: number,
  slotBytes: number,
  slots: number,
): RangeComparer {
  const { scanner } = index;
  const start = Math.ceil(((scanner.liveList() >>> 0) + liveKeys * 4) / 4096) * 4096;
  if (scanner.makeUsable(start + slotBytes * slots) === 0) {
    throw new RangeError(
      `${slots} buffers of ${slotBytes} bytes do not fit beside the index of ${start} bytes: all must fit into 4 GiB`,
    );
  }
  function addressOf(slot: number): number {
    if (!Number.isInteger(slot) || slot < 0 || slot >= slots) {
      throw new RangeError(`buffer ${slot} was asked for; there are buffers 0 to ${slots - 1}`);
    }
    return start + slot * slotBytes;
  }
  const memory = index.buffer();
  return {
    slotBytes,
    slots,
    buffer: (slot) => new Uint8Array(memory, addressOf(slot), slotBytes),
    compare(slot, from, length, first, count, mode) {
      if (mode === "stored" && !index.hasDigests) throw new RangeError(NO_DIGESTS);
      if (from < 0 || length < 0 || from + length > slotBytes) {
        throw new RangeError(
          `bytes ${from} to ${from + length} were to be compared in a buffer of ${slotBytes}`,
        );
      }
      const matched = scanner.compareRange(
        addressOf(slot) + from,
        length,
        first,
        count,
        mode === "metadata" ? 1 : 0,
      );
      return {
        matched: matched >>> 0,
        keys: scanner.getRangeKeys() >>> 0,
        headerRevision: scanner.getRangeRevision(),
        totalKeys: scanner.getRangeTotal(),
        more: scanner.getRangeMore() !== 0,
        malformed: scanner.getRangeBroken() !== 0,
      };
    },
  };
}
