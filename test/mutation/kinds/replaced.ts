/** A whole and good file that is not this backup: older, another's, or blended of two. */
import { storedEntry } from "../../support/bbolt-builder";
import type { Backup } from "../base";
import { databaseOf, inDatabase, type Kind, type Mutant } from "../mutant";
import { build, contentsOf, versionsOf, withVersions } from "../records";

/** The store as it would have been saved at an earlier revision. */
function savedAt(backup: Backup, revision: number): Buffer {
  return withVersions(
    backup,
    versionsOf(backup).filter(({ main }) => main <= revision),
  );
}

export const REPLACED: readonly Kind[] = [
  {
    id: "old-backup",
    title: "an old backup under the new one's name",
    mutants: ({ good, older }, random, places) => {
      const whole = older.map((backup): Mutant => ({
        place: backup.name,
        make: () => backup.file,
      }));
      const revisions = [...new Set(versionsOf(good).map(({ main }) => main))].slice(0, -1);
      const earlier = random.sample(revisions, places).map((revision): Mutant => ({
        place: `as of revision ${revision}`,
        make: () => savedAt(good, revision),
      }));
      return [...whole, ...earlier];
    },
  },
  {
    id: "newer-backup",
    title: "a newer backup under this one's name",
    mutants: ({ newer }) => {
      const last = versionsOf(newer).at(-1)?.main ?? 0;
      return [0, 1, 2, 3].map((back) => ({
        place: back === 0 ? newer.name : `${newer.name} as of revision ${last - back}`,
        make: () => (back === 0 ? newer.file : savedAt(newer, last - back)),
      }));
    },
  },
  {
    id: "other-backup",
    title: "another cluster's backup under this one's name",
    mutants: ({ good, other }, random, places) => {
      const last = versionsOf(good).at(-1)?.main ?? 0;
      const revisions = [...new Set(versionsOf(other).map(({ main }) => main))];
      return [
        { place: other.name, make: () => other.file },
        // As old as this one: the revision tells nothing.
        { place: `${other.name} as of revision ${last}`, make: () => savedAt(other, last) },
        ...random.sample(revisions, places).map((revision): Mutant => ({
          place: `${other.name} as of revision ${revision}`,
          make: () => savedAt(other, revision),
        })),
      ];
    },
  },
  {
    id: "blend-records",
    title: "two backups blended record by record: one up to a revision, the other from there",
    mutants: ({ good, other }, random, places) => {
      const revisions = [...new Set(versionsOf(good).map(({ main }) => main))];
      return random.sample(revisions, places).flatMap((revision, i) => {
        const [early, late] = i % 2 === 0 ? [good, other] : [other, good];
        return inDatabase(good.file, `${early.name} up to ${revision}, then ${late.name}`, () => {
          const contents = contentsOf(good);
          contents.set(
            "key",
            [
              ...versionsOf(early).filter(({ main }) => main <= revision),
              ...versionsOf(late).filter(({ main }) => main > revision),
            ].map(storedEntry),
          );
          return databaseOf(build(contents));
        });
      });
    },
  },
  {
    id: "blend-keys",
    title: "two backups blended key by key: some keys as they were in an older one",
    mutants: ({ good, older }, random, places) =>
      Array.from({ length: places }, () => random.pick(older)).flatMap((backup, i) => {
        const old = new Map(
          versionsOf(backup)
            .filter(({ tombstone }) => !tombstone)
            .map((version) => [version.key.toString("hex"), version]),
        );
        const versions = versionsOf(good).map((version) => {
          const before = old.get(version.key.toString("hex"));
          return before !== undefined && !before.value.equals(version.value) && random.next() < 0.3
            ? { ...version, value: before.value }
            : version;
        });
        return inDatabase(good.file, `values of ${backup.name}, ${i}`, () =>
          databaseOf(withVersions(good, versions)),
        );
      }),
  },
  {
    id: "blend-pages",
    title: "two backups blended page by page: the beginning of one, the end of the other",
    mutants: ({ good, older, newer, other }, random, places) =>
      Array.from({ length: places }, () => random.pick([...older, newer, other])).flatMap(
        (backup) => {
          const { pageSize } = good.anatomy;
          const at =
            (1 + random.below(Math.min(good.anatomy.pages, backup.anatomy.pages) - 1)) * pageSize;
          const [first, second] = random.next() < 0.5 ? [good, backup] : [backup, good];
          return inDatabase(good.file, `${first.name} up to byte ${at}, then ${second.name}`, () =>
            Buffer.concat([
              databaseOf(first.file).subarray(0, at),
              databaseOf(second.file).subarray(at),
            ]),
          );
        },
      ),
  },
  {
    id: "blend-meta",
    title: "the meta pages of one backup on the pages of another",
    mutants: ({ good, older, newer, other }) =>
      [...older, newer, other].flatMap((backup) =>
        [0, 1, 2].flatMap((which) =>
          inDatabase(
            good.file,
            `${["meta page 0", "meta page 1", "both meta pages"][which] ?? ""} of ${backup.name}`,
            (database) => {
              const { pageSize } = good.anatomy;
              if (which !== 1) backup.file.copy(database, 0, 0, pageSize);
              if (which !== 0) backup.file.copy(database, pageSize, pageSize, 2 * pageSize);
              return undefined;
            },
          ),
        ),
      ),
  },
  {
    id: "bumped",
    title: "the same store, but its revision bumped",
    mutants: ({ good }) =>
      [1, 1000, 1_000_000_000].map((by): Mutant => ({
        place: `by ${by}`,
        make: () => {
          const versions = versionsOf(good);
          const contents = contentsOf(good);
          const placeholder = storedEntry({
            main: (versions.at(-1)?.main ?? 0) + by,
            key: Buffer.alloc(0),
          });
          contents.set("key", [
            ...(contents.get("key") ?? []),
            { key: placeholder.key, value: Buffer.alloc(0) },
          ]);
          return build(contents);
        },
      })),
  },
];
