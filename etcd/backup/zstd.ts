/** zstd, unpacked by a library; what that takes for damage and is none is told apart. */
import { ZSTD } from "../wire/magics";
import { UnreadFormError } from "./damage";
import { libraries } from "./libraries";
import { peek, type Bytes } from "./streams";

/** A block of 128 KiB takes four bytes at least: so much at once is never more than 32 MiB unpacked. */
const STEP = 1024;
/** Where the descriptor of the first frame lies, and its bits for a dictionary's id (RFC 8878, 3.1.1.1.1). */
const DESCRIPTOR = 4;
const DICTIONARY_ID = 3;

/** @throws UnreadFormError; else whatever the library throws for what is damaged */
export async function* unzstd(packed: Bytes): Bytes {
  const { head, all } = await peek(packed, DESCRIPTOR + 1);
  const isFrame = head.subarray(0, ZSTD.length).equals(ZSTD);
  if (isFrame && ((head[DESCRIPTOR] ?? 0) & DICTIONARY_ID) !== 0) {
    throw new UnreadFormError(
      "it was compressed with a dictionary of its own: unpack it first (zstd -d -D DICTIONARY)",
    );
  }
  let ready: Uint8Array[] = [];
  const decompressor = new (libraries.zstd().Decompress)((part) => {
    if (part.length > 0) ready.push(part);
  });
  function* pushed(part: Uint8Array, isLast: boolean): Iterable<Uint8Array> {
    try {
      decompressor.push(part, isLast);
    } catch (error) {
      throw isGreatWindow(error) ? new UnreadFormError(GREAT_WINDOW) : error;
    }
    yield* ready;
    ready = [];
  }
  for await (const part of all) {
    for (let at = 0; at < part.length; at += STEP) {
      yield* pushed(part.subarray(at, at + STEP), false);
    }
  }
  yield* pushed(new Uint8Array(0), true);
}

const GREAT_WINDOW =
  "it takes a window of 2 GiB, which is more than is read here: unpack it first (zstd -d --long=31)";

/** The library's own code, and what it makes of 2^31 in 32 bits with a sign. */
function isGreatWindow(error: unknown): boolean {
  return (
    error instanceof RangeError || (error instanceof Error && "code" in error && error.code === 1)
  );
}
