/** Whole pages and sectors: lost, doubled, swapped, stale. */
import { fnv1a64 } from "../../../etcd/snapshot/meta-page";
import { bucketOf, type Anatomy } from "../anatomy";
import { inDatabase, type Kind } from "../mutant";

const SECTOR = 512;

/** Fields of a meta page that the checksum covers, and what they may wrongly say. */
const META_LIES = [
  ["number of pages", 56, [1n, -1n, -20n, 1000n]],
  ["root page", 32, [1n, -1n, 7n]],
  ["root sequence", 40, [1n]],
  ["freelist page", 48, [4n, 20n, 1n << 40n]],
  ["transaction", 64, [1n, -2n, 1n << 60n]],
  ["page size", 24, [4096n, 12_288n, -2048n, -3584n, -4095n, 1n << 31n]],
  ["flags", 28, [1n]],
] as const;

/** Fields of an element in the page of the buckets, whose value is where a bucket begins, and what they may wrongly say. */
const ROOT_LIES: readonly (readonly [string, (root: bigint) => bigint])[] = [
  ["above 2^32, the lower half right", (root) => root + (1n << 32n)],
  ["above 2^63", (root) => root + (1n << 63n)],
  ["of another bucket's page", (root) => root + 1n],
  ["a meta page", () => 1n],
];

export const PAGES: readonly Kind[] = [
  {
    id: "bucket-lie",
    title: "a bucket that begins elsewhere",
    mutants: ({ good }) =>
      good.anatomy.bucketHeads
        .filter(
          ({ at, what }) => what.endsWith("root page") && good.file.readBigUInt64LE(at) !== 0n,
        )
        .flatMap(({ at, what }) =>
          ROOT_LIES.flatMap(([lie, change]) =>
            inDatabase(good.file, `${what}: ${lie}`, (database) => {
              database.writeBigUInt64LE(change(database.readBigUInt64LE(at)), at);
              return undefined;
            }),
          ),
        ),
  },
  {
    id: "element-flags",
    title: "an element of a small bucket flagged as a bucket",
    mutants: ({ good }, random, places) => {
      const small = [...good.anatomy.buckets.values()].filter(
        ({ name }) => !["", "key"].includes(name),
      );
      const flags = small.flatMap(({ elements }) =>
        elements.filter(({ what }) => what.endsWith(": flags")),
      );
      return random.sample(flags, places).flatMap(({ at, what }) =>
        inDatabase(good.file, what, (database) => {
          database.writeUInt32LE(1, at);
          return undefined;
        }),
      );
    },
  },
  {
    id: "meta-lie",
    title: "a field of a meta page, its checksum made to fit",
    mutants: ({ good }) =>
      META_LIES.flatMap(([field, offset, changes]) =>
        changes.flatMap((change) =>
          [0, 1].flatMap((page) =>
            inDatabase(good.file, `meta page ${page}: ${field} ${change}`, (database) => {
              const meta = page * good.anatomy.pageSize;
              const wide = offset >= 32;
              const is = wide
                ? database.readBigUInt64LE(meta + offset)
                : BigInt(database.readUInt32LE(meta + offset));
              if (wide) database.writeBigUInt64LE(BigInt.asUintN(64, is + change), meta + offset);
              else database.writeUInt32LE(Number(BigInt.asUintN(32, is + change)), meta + offset);
              const body = database.subarray(meta + 16, meta + 80);
              body.writeBigUInt64LE(fnv1a64(body.subarray(0, 56)), 56);
              return undefined;
            }),
          ),
        ),
      ),
  },
  {
    id: "meta-lost",
    title: "meta pages zeroed, swapped, one over the other",
    mutants: ({ good: { file, anatomy } }) => {
      const size = anatomy.pageSize;
      const first = file.subarray(0, size);
      const second = file.subarray(size, 2 * size);
      const all: readonly (readonly [string, readonly [Buffer, Buffer]])[] = [
        ["page 0 zeroed", [Buffer.alloc(size), second]],
        ["page 1 zeroed", [first, Buffer.alloc(size)]],
        ["both zeroed", [Buffer.alloc(size), Buffer.alloc(size)]],
        ["swapped", [second, first]],
        ["page 0 over page 1", [first, first]],
        ["page 1 over page 0", [second, second]],
      ];
      return all.flatMap(([what, pages]) =>
        inDatabase(file, `meta pages: ${what}`, (database) => {
          Buffer.concat(pages).copy(database);
          return undefined;
        }),
      );
    },
  },
  pageKind("page-zeroed", "a page zeroed", (database, at, size) => {
    database.fill(0, at, at + size);
  }),
  pageKind("page-ones", "a page of ones", (database, at, size) => {
    database.fill(0xff, at, at + size);
  }),
  pageKind("page-half", "a page whose second half was never written", (database, at, size) => {
    database.fill(0, at + size / 2, at + size);
  }),
  pageKind("page-copied", "a page in the place of another", (database, at, size, other) => {
    database.copyWithin(at, other, other + size);
  }),
  pageKind(
    "page-renamed",
    "a page in the place of another, its number mended",
    (database, at, size, other) => {
      const id = database.readBigUInt64LE(at);
      database.copyWithin(at, other, other + size);
      database.writeBigUInt64LE(id, at);
    },
  ),
  pageKind("page-swapped", "two pages swapped", (database, at, size, other) => {
    const page = Buffer.from(database.subarray(at, at + size));
    database.copyWithin(at, other, other + size);
    page.copy(database, other);
  }),
  {
    id: "page-swapped-mended",
    title: "two leaf pages swapped, their numbers mended",
    mutants: ({ good }, random, places) => {
      const { pageSize } = good.anatomy;
      const leaves = bucketOf(good.anatomy, "key").leafPages;
      return Array.from({ length: places }, () => random.sample(leaves, 2)).flatMap(
        ([one = 0, two = 0]) =>
          inDatabase(good.file, `leaf pages ${one} and ${two}`, (database) => {
            const [a, b] = [one * pageSize, two * pageSize];
            const page = Buffer.from(database.subarray(a, a + pageSize));
            database.copyWithin(a, b, b + pageSize);
            page.copy(database, b);
            database.writeBigUInt64LE(BigInt(one), a);
            database.writeBigUInt64LE(BigInt(two), b);
            return undefined;
          }),
      );
    },
  },
  {
    id: "leaf-element-gone",
    title: "the last element of a leaf page forgotten",
    mutants: ({ good }, random, places) => {
      const leaves = bucketOf(good.anatomy, "key").leafPages;
      return random.sample(leaves, places).flatMap((page) =>
        inDatabase(good.file, `leaf page ${page}`, (database) => {
          const count = page * good.anatomy.pageSize + 10;
          database.writeUInt16LE(database.readUInt16LE(count) - 1, count);
          return undefined;
        }),
      );
    },
  },
  {
    id: "child-gone",
    title: "the last child of a branch page forgotten, or two children swapped",
    mutants: ({ good }) => {
      const { branchPages, pageSize } = good.anatomy;
      return branchPages.flatMap((page) => {
        const at = page * pageSize;
        const count = good.file.readUInt16LE(at + 10);
        const last = inDatabase(good.file, `branch page ${page}: last child`, (database) => {
          database.writeUInt16LE(count - 1, at + 10);
          return undefined;
        });
        const swapped = Array.from({ length: count - 1 }, (_, i) =>
          inDatabase(good.file, `branch page ${page}: children ${i} and ${i + 1}`, (database) => {
            const child = at + 16 + i * 16 + 8;
            const id = database.readBigUInt64LE(child);
            database.copyWithin(child, child + 16, child + 24);
            database.writeBigUInt64LE(id, child + 16);
            return undefined;
          }),
        );
        return [...last, ...swapped.flat()];
      });
    },
  },
  staleKind("page-stale", "a page as it was in an older backup (a lost write)", {
    bytes: ({ pageSize }) => pageSize,
    counts: ({ freePages }, page) => !freePages.includes(page),
    name: (page) => `page ${page}`,
  }),
  sectorKind("sector-zeroed", "a sector zeroed", (database, at) => {
    database.fill(0, at, at + SECTOR);
  }),
  sectorKind("sector-noise", "a sector of noise", (database, at, noise) => {
    noise.copy(database, at);
  }),
  staleKind("sector-stale", "a sector as it was in an older backup (a torn write)", {
    bytes: () => SECTOR,
    counts: () => true,
    name: (sector) => `bytes ${sector * SECTOR} to ${(sector + 1) * SECTOR}`,
  }),
];

function pageKind(
  id: string,
  title: string,
  damage: (database: Buffer, at: number, size: number, other: number) => void,
): Kind {
  return {
    id,
    title,
    mutants: ({ good }, random, places) => {
      const { pages, pageSize, freePages } = good.anatomy;
      const used = Array.from({ length: pages }, (_, page) => page).filter(
        (page) => page > 1 && !freePages.includes(page),
      );
      return random.sample(used, places).flatMap((page) => {
        const other = random.pick(used.filter((candidate) => candidate !== page));
        return inDatabase(good.file, `page ${page} (other: ${other})`, (database) => {
          damage(database, page * pageSize, pageSize, other * pageSize);
          return undefined;
        });
      });
    },
  };
}

function sectorKind(
  id: string,
  title: string,
  damage: (database: Buffer, at: number, noise: Buffer) => void,
): Kind {
  return {
    id,
    title,
    mutants: ({ good }, random, places) => {
      const sectors = Array.from(
        { length: good.anatomy.databaseBytes / SECTOR },
        (_, i) => i * SECTOR,
      );
      return random.sample(sectors, places).flatMap((at) => {
        const noise = random.bytes(SECTOR);
        return inDatabase(good.file, `bytes ${at} to ${at + SECTOR}`, (database) => {
          damage(database, at, noise);
          return undefined;
        });
      });
    },
  };
}

/** Pieces of a file that are written whole, or are not: pages, sectors. */
interface Pieces {
  readonly bytes: (anatomy: Anatomy) => number;
  /** Whether anything reads it. */
  readonly counts: (anatomy: Anatomy, piece: number) => boolean;
  readonly name: (piece: number) => string;
}

function staleKind(id: string, title: string, pieces: Pieces): Kind {
  return {
    id,
    title,
    mutants: ({ good, older }, random, places) => {
      const size = pieces.bytes(good.anatomy);
      const of = ({ file }: { readonly file: Buffer }, piece: number) =>
        file.subarray(piece * size, (piece + 1) * size);
      const stale = older.flatMap((backup) => {
        const both = Math.min(backup.anatomy.databaseBytes, good.anatomy.databaseBytes);
        return Array.from({ length: Math.floor(both / size) }, (_, piece) => ({ piece, backup }));
      });
      const read = stale
        .filter(({ piece, backup }) => !of(backup, piece).equals(of(good, piece)))
        .filter(({ piece }) => pieces.counts(good.anatomy, piece));
      return random.sample(read, places).flatMap(({ piece, backup }) =>
        inDatabase(good.file, `${pieces.name(piece)} of ${backup.name}`, (database) => {
          of(backup, piece).copy(database, piece * size);
          return undefined;
        }),
      );
    },
  };
}
