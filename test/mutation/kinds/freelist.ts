/** A file with a list of its free pages, as etcd does not keep but bbolt reads: a wrong list makes live pages free. */
import { databaseOf, inDatabase, type Kind, type Mutant } from "../mutant";
import { build, contentsOf } from "../records";
import { dissect } from "../anatomy";

export const FREELIST: readonly Kind[] = [
  {
    id: "freelist",
    title: "a list of free pages that is wrong, or right",
    mutants: ({ good }, random, places): readonly Mutant[] => {
      const file = build(contentsOf(good), { freelist: true, stalePages: 12 });
      const anatomy = dissect(file);
      const list = anatomy.pages - 1;
      const at = list * anatomy.pageSize;
      const free = anatomy.freePages.filter((page) => page !== list);
      const used = Array.from({ length: anatomy.pages }, (_, page) => page).filter(
        (page) => !free.includes(page),
      );
      const withList = (what: string, ids: readonly number[], more?: (database: Buffer) => void) =>
        inDatabase(file, what, (database) => {
          database.writeUInt16LE(ids.length, at + 10);
          ids.forEach((id, i) => database.writeBigUInt64LE(BigInt(id), at + 16 + i * 8));
          more?.(database);
          return undefined;
        });
      const sorted = (ids: readonly number[]) => ids.toSorted((a, b) => a - b);
      return [
        { place: "right", make: () => withList("", free)[1]?.make() ?? databaseOf(file) },
        ...random
          .sample(used, places)
          .flatMap((page) =>
            withList(`page ${page} free, though it is used`, sorted([...free, page])),
          ),
        ...withList(
          "all pages free",
          anatomy.freePages.concat(used).toSorted((a, b) => a - b),
        ),
        ...withList("a page twice", sorted([...free, free[0] ?? 0])),
        ...withList("a page beyond the end", [...free, anatomy.pages + 5]),
        ...withList("not ascending", free.toReversed()),
        ...withList("some free pages not in it", free.slice(2)),
        ...withList("more than there are", free, (database) =>
          database.writeUInt16LE(600, at + 10),
        ),
        ...withList("the longest form", free, (database) =>
          database.writeUInt16LE(0xffff, at + 10),
        ),
        ...withList("another kind of page", free, (database) => database.writeUInt16LE(2, at + 8)),
        ...withList("another number", free, (database) => database.writeUInt32LE(list - 1, at)),
        ...withList("an overflow", free, (database) => database.writeUInt32LE(3, at + 12)),
      ];
    },
  },
];
