/** What an archive of a data directory holds beside the database, kept while the archive goes by. */
import type { Limit } from "./limit";
import { memberPathOf, type MemberFile, type MemberFiles } from "./member-files";
import type { Place, Placed } from "./place";
import type { Bytes } from "./streams";

/** Files of one member, until they are disposed of. */
export interface Beside {
  readonly files: MemberFiles;
  dispose(): void;
}

export interface MembersInArchive {
  /** Keeps the file if it is one of a member's. */
  keep(entry: string, bytes: Bytes): Promise<boolean>;
  /** What lies beside the database of a member, by its folder; every other file is given up. */
  of(member: string | undefined): Beside | undefined;
  /** The one member that has a log, where there is no database at all. */
  only(): { readonly member: string; readonly beside: Beside } | undefined;
  /** Gives everything up. */
  discard(): void;
}

interface Kept {
  readonly member: string;
  readonly kind: "snapshot" | "log";
  readonly entry: string;
  readonly placed: Placed;
}

/** @param openPlace for each of the files; they hold what a cluster held, so none should have a name */
export function keepBeside(openPlace: () => Place, limit: Limit): MembersInArchive {
  let kept: readonly Kept[] = [];

  function drop(which: (file: Kept) => boolean): void {
    for (const { placed } of kept.filter(which)) placed.dispose();
    kept = kept.filter((file) => !which(file));
  }

  async function keep(entry: string, bytes: Bytes): Promise<boolean> {
    const at = memberPathOf(entry);
    if (at === undefined || at.kind === "database") return false;
    const { member, kind } = at;
    // Of the snapshots only the newest is asked for: their names are in the order of time.
    const same = (file: Kept) =>
      kind === "snapshot" && file.kind === kind && file.member === member;
    if (kept.some((file) => same(file) && file.entry > entry)) return true;
    const place = openPlace();
    try {
      for await (const part of bytes) {
        limit.take(part.length);
        place.write(part);
      }
    } catch (error) {
      place.discard();
      throw error;
    }
    drop(same);
    kept = [...kept, { member, kind, entry, placed: place.finish() }];
    return true;
  }

  function of(member: string | undefined): Beside | undefined {
    drop((file) => file.member !== member);
    if (kept.length === 0) return undefined;
    const files = { snapshots: filesOf(kept, "snapshot"), logs: filesOf(kept, "log") };
    const dispose = () => {
      drop(() => true);
    };
    return { files, dispose };
  }

  return {
    keep,
    of,
    only() {
      const members = new Set(
        kept.filter(({ kind }) => kind === "log").map(({ member }) => member),
      );
      const [member] = members;
      if (member === undefined || members.size > 1) return undefined;
      const beside = of(member);
      return beside === undefined ? undefined : { member, beside };
    },
    discard() {
      drop(() => true);
    },
  };
}

/** In the order of their names. */
function filesOf(kept: readonly Kept[], kind: Kept["kind"]): readonly MemberFile[] {
  return kept
    .filter((file) => file.kind === kind)
    .map(({ entry, placed }) => ({ name: entry, path: placed.path }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
