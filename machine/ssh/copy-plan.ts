/**
 * How the next piece of a file goes over a connection: as it is, or compressed.
 *
 * Nothing is guessed of link, processors and content: one piece is sent in each way, and from then on the way that was
 * faster, end to end, as last measured. So a file goes compressed where the link is slower than zstd. It must be faster by
 * a fifth: less is chance, and for it the processors at both ends would work for nothing.
 */

export type Way = "plain" | "zstd";

/** Bytes of the file a millisecond, as each way was measured last. */
export type Rates = Readonly<Partial<Record<Way, number>>>;

const MIB = 2 ** 20;
/** Large enough to outlast the start of a command, small enough to be nothing on a slow link. */
export const TRIAL_BYTES = 8 * MIB;
const WORTH_IT = 1.2;
/** What is sent compressed before the ways are compared again; a cut costs nothing of what has arrived. */
export const PIECE_BYTES = 512 * MIB;

/** The way and the size of the next piece of a file of which `left` bytes are still to be sent. */
export function nextPiece(
  rates: Rates,
  left: number,
  canCompress: boolean,
): { readonly way: Way; readonly bytes: number } {
  const piece = (way: Way, most: number) => ({ way, bytes: Math.min(most, left) });
  if (!canCompress) return piece("plain", left);
  if (rates.plain === undefined) return piece("plain", TRIAL_BYTES);
  if (rates.zstd === undefined) return piece("zstd", TRIAL_BYTES);
  return rates.zstd > WORTH_IT * rates.plain ? piece("zstd", PIECE_BYTES) : piece("plain", left);
}
