/** Sparse files of a tar archive: only what is not zero was stored, and a map of where it belongs. */
import { DamageError } from "./damage";
import type { Bytes, Reader } from "./streams";
import { BLOCK, cut, decimal, headerNumber, type Extended } from "./tar-header";

/** So many bytes that were stored, and where in the file they belong. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

const ZEROS = Buffer.alloc(65_536);
/** Of a map; each is a piece of a file that etcd grew ahead, so real ones have a handful. */
const MOST_PIECES = 2 ** 20;

/** What is known of a sparse file before its content; with pax 1.0 its map is the beginning of the content. */
export interface SparseMap {
  readonly realBytes: number;
  readonly pieces: readonly Piece[] | "in front of the content";
}

/** The map that pax records hold (versions 0.0 and 0.1), or announce (1.0). */
export function paxMap(extended: Extended): SparseMap | undefined {
  const realBytes = decimal(extended.get("GNU.sparse.realsize") ?? extended.get("GNU.sparse.size"));
  if (realBytes === undefined) return undefined;
  const map = extended.get("GNU.sparse.map");
  if (map !== undefined) return { realBytes, pieces: parsePieces(map.split(",")) };
  return {
    realBytes,
    pieces: extended.get("GNU.sparse.major") === "1" ? "in front of the content" : [],
  };
}

/** GNU's own form: four pieces in the header, then blocks of 21. */
export async function gnuMap(input: Reader, header: Buffer): Promise<SparseMap> {
  const pieces = pieceNumbers(header.subarray(386, 482));
  let more = header[482] === 1;
  while (more) {
    const block = await input.exactly(BLOCK);
    if (block === undefined) throw cut("the map of a sparse file");
    pieces.push(...pieceNumbers(block.subarray(0, 504)));
    if (pieces.length > MOST_PIECES)
      throw new DamageError("it is damaged (a sparse file in too many pieces)");
    more = block[504] === 1;
  }
  return { realBytes: headerNumber(header.subarray(483, 495)), pieces };
}

/** Pieces as GNU's headers hold them, 24 bytes each: offset and length in octal digits. */
function pieceNumbers(field: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at + 24 <= field.length; at += 24) {
    if (field[at] === 0) break;
    const offset = headerNumber(field.subarray(at, at + 12));
    pieces.push({ offset, length: headerNumber(field.subarray(at + 12, at + 24)) });
  }
  return pieces;
}

/** Pieces out of decimal numbers: offset, length, offset, length, … */
function parsePieces(numbers: readonly string[]): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const [offset, length] = [Number(numbers[i]), Number(numbers[i + 1])];
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length)) throw damagedMap();
    pieces.push({ offset, length });
  }
  return pieces;
}

/**
 * The file as it was, its holes filled with zeros.
 * @param stored how many bytes of `content` belong to it; a padding may follow
 * @throws DamageError when the map does not fit the file
 */
export async function* expandSparse(content: Bytes, map: SparseMap, stored: number): Bytes {
  const input = pieceByPiece(content);
  let left = stored;
  let { pieces } = map;
  if (pieces === "in front of the content") {
    const front = await readFront(input, left);
    ({ pieces } = front);
    left -= front.bytes;
  }
  let at = 0;
  for (const { offset, length } of pieces) {
    if (offset < at || length < 0 || offset + length > map.realBytes || length > left)
      throw damagedMap();
    yield* zeros(offset - at);
    yield* input.take(length);
    at = offset + length;
    left -= length;
  }
  if (left !== 0) throw damagedMap();
  yield* zeros(map.realBytes - at);
}

function* zeros(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left);
}

/** pax 1.0: the number of pieces, then their numbers, each on a line; padded to a block. */
async function readFront(
  input: Pieces,
  most: number,
): Promise<{ readonly pieces: readonly Piece[]; readonly bytes: number }> {
  const numbers: string[] = [];
  let line = "";
  for (let bytes = 0; bytes + BLOCK <= most;) {
    for await (const block of input.take(BLOCK)) line += Buffer.from(block).toString("latin1");
    bytes += BLOCK;
    const lines = line.split("\n");
    line = lines.pop() ?? "";
    numbers.push(...lines);
    const count = Number(numbers[0]);
    if (!Number.isInteger(count) || count < 0 || numbers.length > 2 * MOST_PIECES + 1)
      throw damagedMap();
    if (numbers.length > 2 * count)
      return { pieces: parsePieces(numbers.slice(1, 2 * count + 1)), bytes };
  }
  throw damagedMap();
}

interface Pieces {
  take(length: number): Bytes;
}

function pieceByPiece(content: Bytes): Pieces {
  const iterator = content[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    async *take(length) {
      for (let left = length; left > 0;) {
        if (rest.length === 0) {
          const next = await iterator.next();
          if (next.done === true) throw damagedMap();
          rest = next.value;
        }
        const part = rest.subarray(0, left);
        rest = rest.subarray(part.length);
        left -= part.length;
        yield part;
      }
    },
  };
}

function damagedMap(): DamageError {
  return new DamageError("it is damaged or cut off (the map of a sparse file in it does not fit)");
}
