/** Which pages are reached: each once, or the file is not whole. */
import { SnapshotError } from "./snapshot-error";

/** Which pages something refers to. bbolt refers to each page once; overflow pages belong to the page before. */
export interface PageMap {
  /**
   * Notes `id` and its `overflow` pages as reached.
   * @throws SnapshotError when one lies outside the file or was reached before.
   */
  reach(id: number, overflow: number): void;
  /** As `reach`, for the overflow pages alone, of a page that was reached before its header was read. */
  reachOverflow(id: number, overflow: number): void;
  isReached(id: number): boolean;
  /** Pages that nothing reached. */
  countFree(): number;
}

export function createPageMap(file: string, pages: number, pageSize: number): PageMap {
  const reached = new Uint8Array(pages);
  reached[0] = 1;
  reached[1] = 1;
  function mark(from: number, to: number, owner: number): void {
    for (let id = from; id < to; id++) {
      if (reached[id] === 1) {
        throw new SnapshotError(
          file,
          id === owner
            ? "the tree leads to this page twice"
            : `is reached twice: it is an overflow page of page ${owner} too`,
          { page: id, offset: id * pageSize },
        );
      }
      reached[id] = 1;
    }
  }
  function assertInside(id: number, overflow: number): void {
    if (!Number.isSafeInteger(id) || id < 2 || id >= pages) {
      throw new SnapshotError(
        file,
        `the tree leads to page ${id}, but a data page is one of 2 to ${pages - 1}`,
      );
    }
    if (id + overflow >= pages) {
      throw new SnapshotError(
        file,
        `its ${overflow} overflow pages go beyond the last page, ${pages - 1}`,
        { page: id, offset: id * pageSize },
      );
    }
  }
  return {
    reach(id, overflow) {
      assertInside(id, overflow);
      mark(id, id + overflow + 1, id);
    },
    reachOverflow(id, overflow) {
      assertInside(id, overflow);
      mark(id + 1, id + overflow + 1, id);
    },
    isReached: (id) => reached[id] === 1,
    countFree() {
      let free = 0;
      for (const mark of reached) free += 1 - mark;
      return free;
    },
  };
}
