/** The look at an object's beginning, while the rest of it comes: not too much of that, as long as it may be refused. */
import { refuseEarly, HEAD_BYTES } from "./refuse-early";
import { isFinal } from "./source-error";
import { readRange, type OpenedObject, type Store } from "./store";

/** As much may come until the look is at its end. */
const MOST_MEANWHILE_BYTES = 8 * 2 ** 20;

export interface Look {
  /** Says what is known of the object now. */
  knows(object: Pick<OpenedObject, "inRanges" | "etag" | "total">): void;
  /** Takes the object's bytes, piece by piece. @returns what to wait for. @throws SnapshotError, SourceError */
  at(piece: Uint8Array): Promise<void> | undefined;
  /** After the last piece. @throws as `at` */
  end(): Promise<void>;
  close(): Promise<void>;
}

export function createLook(store: Store, path: string, signal: AbortSignal | undefined): Look {
  const closing = new AbortController();
  let known: Parameters<Look["knows"]>[0] = { inRanges: false };
  /** The first bytes, until they are looked at. */
  let head: Buffer[] | undefined = [];
  let seen = 0;
  let looking: Promise<void> | undefined;
  let refusal: Error | undefined;

  async function look(beginning: Buffer): Promise<void> {
    const { inRanges, etag, total } = known;
    const ends = AbortSignal.any(
      signal === undefined ? [closing.signal] : [closing.signal, signal],
    );
    const further = (from: number, to: number) =>
      readRange(store, path, { from, to }, { etag, signal: ends });
    try {
      await refuseEarly(store.nameOf(path), beginning, total, inRanges ? further : undefined);
    } catch (error) {
      // A cut is none of the object's faults. The rest of it tells whether the store is still there.
      if (isFinal(error)) refusal = error as Error;
    }
    looking = undefined;
  }

  function begin(): void {
    if (head === undefined) return;
    looking = look(Buffer.concat(head));
    head = undefined;
  }

  function refuse(): void {
    if (refusal !== undefined) throw refusal;
  }

  return {
    knows(object) {
      known = object;
    },
    at(piece) {
      refuse();
      head?.push(Buffer.from(piece));
      seen += piece.length;
      if (seen >= HEAD_BYTES) begin();
      return seen < MOST_MEANWHILE_BYTES ? undefined : looking?.then(refuse);
    },
    async end() {
      begin();
      await looking;
      refuse();
    },
    async close() {
      closing.abort();
      await looking;
    },
  };
}
