/** Another history in a file that is whole: built anew, with the trailer as it was and with a right one. */
import type { StoredVersion } from "../../support/bbolt-builder";
import type { Random } from "../../support/random";
import type { Base } from "../base";
import { databaseOf, inDatabase, type Kind, type Mutant } from "../mutant";
import { liveAt, versionsOf, withVersions } from "../records";

type Version = Required<StoredVersion>;
/** What is left of the history, and what was done to it; undefined when this one does not lend itself. */
type Change = readonly [what: string, versions: readonly Version[]] | undefined;

/** A kind that changes the history at so many of the versions that `at` gives. */
function historyKind(
  id: string,
  title: string,
  at: (versions: readonly Version[]) => readonly number[],
  change: (versions: readonly Version[], i: number, random: Random) => Change,
): Kind {
  return {
    id,
    title,
    mutants: ({ good }: Base, random, places): readonly Mutant[] => {
      const versions = versionsOf(good);
      return random.sample(at(versions), places).flatMap((i) => {
        const changed = change(versions, i, random);
        if (changed === undefined) return [];
        const [what, history] = changed;
        const place = `revision ${versions[i]?.main ?? 0}: ${what}`;
        const built = () => databaseOf(withVersions(good, history));
        return inDatabase(good.file, place, built);
      });
    },
  };
}

const everywhere = (versions: readonly Version[]) => versions.map((_, i) => i);
const puts = (versions: readonly Version[]) =>
  everywhere(versions).filter((i) => !versions[i]?.tombstone);
const tombstones = (versions: readonly Version[]) =>
  everywhere(versions).filter((i) => versions[i]?.tombstone);
/** Versions that a later one of the same key hides. */
const hidden = (versions: readonly Version[]) => {
  const live = new Set(liveAt(versions));
  return puts(versions).filter((i) => !live.has(i));
};

/** The history with version `i` made another one, or several, or none. */
function instead(
  versions: readonly Version[],
  i: number,
  ...by: readonly Version[]
): readonly Version[] {
  return versions.flatMap((version, at) => (at === i ? by : [version]));
}

/** A kind that changes one version of a key that is live. */
function liveKind(
  id: string,
  title: string,
  change: (
    version: Version,
    random: Random,
    versions: readonly Version[],
  ) => readonly [string, Partial<Version>],
): Kind {
  return historyKind(id, title, liveAt, (versions, i, random) => {
    const version = versions[i];
    if (version === undefined) return undefined;
    const [what, changes] = change(version, random, versions);
    return [what, instead(versions, i, { ...version, ...changes })];
  });
}

function flipped(value: Buffer, random: Random): Buffer {
  const copy = Buffer.from(value);
  const byte = random.below(copy.length);
  copy.writeUInt8((copy[byte] ?? 0) ^ (1 << random.below(8)), byte);
  return copy;
}

/** A kind that swaps something between the live versions of two keys. */
function swapKind(
  id: string,
  title: string,
  swap: (one: Version, two: Version) => readonly [Version, Version],
): Kind {
  return historyKind(id, title, liveAt, (versions, i, random) => {
    const j = random.pick(
      liveAt(versions).filter(
        (other) => !versions[other]?.value.equals(versions[i]?.value ?? Buffer.alloc(0)),
      ),
    );
    const [one, two] = [versions[i], versions[j]];
    if (one === undefined || two === undefined) return undefined;
    const [first, second] = swap(one, two);
    return [`with revision ${two.main}`, instead(instead(versions, i, first), j, second)];
  });
}

export const HISTORY: readonly Kind[] = [
  historyKind("key-dropped", "the last version of a live key dropped", liveAt, (versions, i) => [
    "dropped",
    instead(versions, i),
  ]),
  historyKind("key-gone", "every version of a live key dropped", liveAt, (versions, i) => [
    "its key dropped",
    versions.filter(({ key }) => !key.equals(versions[i]?.key ?? key)),
  ]),
  historyKind(
    "key-added",
    "a key added, in a transaction that is there or after all others",
    everywhere,
    (versions, i, random) => {
      const last = versions.at(-1);
      const beside = versions[i];
      if (last === undefined || beside === undefined) return undefined;
      const inSame = versions.filter(({ main }) => main === beside.main).at(-1) ?? beside;
      const later = random.next() < 0.3;
      const main = later ? last.main + 1 : inSame.main;
      const added: Version = {
        main,
        sub: later ? 0 : inSame.sub + 1,
        key: Buffer.from(`/registry/extra/${i}`),
        create: main,
        version: 1,
        value: Buffer.from("added"),
        lease: 0n,
        tombstone: false,
      };
      const at = later ? versions.length : versions.indexOf(inSame) + 1;
      return [
        later ? "a key in a revision of its own" : "one more key in it",
        versions.toSpliced(at, 0, added),
      ];
    },
  ),
  historyKind(
    "key-deleted",
    "a live key deleted in the last transaction",
    liveAt,
    (versions, i) => {
      const [version, last] = [versions[i], versions.at(-1)];
      if (version === undefined || last === undefined) return undefined;
      const tombstone = { ...version, main: last.main, sub: last.sub + 1, tombstone: true };
      return ["its key deleted", [...versions, tombstone]];
    },
  ),
  historyKind("tombstone-dropped", "a delete that never was", tombstones, (versions, i) => [
    "its tombstone dropped",
    instead(versions, i),
  ]),
  historyKind(
    "tombstone-turned",
    "a delete made a put, a put made a delete",
    everywhere,
    (versions, i) => {
      const version = versions[i];
      if (version === undefined) return undefined;
      const turned = {
        ...version,
        tombstone: !version.tombstone,
        create: version.main,
        version: 1,
      };
      return ["turned", instead(versions, i, turned)];
    },
  ),
  historyKind(
    "history-dropped",
    "a version that a later one hides dropped",
    hidden,
    (versions, i) => ["dropped", instead(versions, i)],
  ),
  historyKind(
    "history-changed",
    "the value of a version that a later one hides",
    hidden,
    (versions, i, random) => {
      const version = versions[i];
      return (
        version && [
          "its value",
          instead(versions, i, { ...version, value: flipped(version.value, random) }),
        ]
      );
    },
  ),
  liveKind("value-bit", "a bit of a value", ({ value }, random) => [
    "a bit",
    { value: flipped(value, random) },
  ]),
  liveKind("value-shorter", "a value cut", ({ value }, random) => {
    const left = random.below(value.length);
    return [`${left} of ${value.length} bytes`, { value: value.subarray(0, left) }];
  }),
  liveKind("value-longer", "a value grown", ({ value }, random) => {
    const more = random.bytes(1 + random.below(2000));
    return [`${more.length} bytes more`, { value: Buffer.concat([value, more]) }];
  }),
  liveKind("value-other", "another value of the same length", ({ value }, random) => [
    "another",
    { value: random.bytes(value.length) },
  ]),
  liveKind("value-old", "the value of an older version", (version, _, versions) => {
    const before = versions.findLast(
      ({ key, main, tombstone }) => key.equals(version.key) && main < version.main && !tombstone,
    );
    return ["the value before, or none", { value: before?.value ?? Buffer.alloc(0) }];
  }),
  liveKind("renamed", "a key under another name", ({ key }, random) => {
    const name =
      random.next() < 0.5 ? flipped(key, random) : Buffer.concat([key, Buffer.from("x")]);
    return ["renamed", { key: name }];
  }),
  liveKind("create-revision", "another create revision", ({ create }, random) => {
    const other = Math.max(1, create - 1 - random.below(5));
    return [`${create} to ${other}`, { create: other }];
  }),
  liveKind("version-number", "another version number", ({ version }, random) => {
    const other = version + 1 + random.below(5);
    return [`${version} to ${other}`, { version: other }];
  }),
  liveKind(
    "lease-of-key",
    "a key on another lease, on none, on one that is not there",
    ({ lease }, random, versions) => {
      const leases = [...new Set(versions.map((version) => version.lease))];
      const other = random.pick([...leases, 0n, 0x123n].filter((id) => id !== lease));
      return [`lease ${lease} to ${other}`, { lease: other }];
    },
  ),
  swapKind("values-swapped", "the values of two keys swapped", (one, two) => [
    { ...one, value: two.value },
    { ...two, value: one.value },
  ]),
  swapKind("names-swapped", "the names of two keys swapped", (one, two) => [
    { ...one, key: two.key },
    { ...two, key: one.key },
  ]),
  historyKind(
    "order-swapped",
    "two versions that follow each other swapped",
    everywhere,
    (versions, i) => {
      const [one, two] = [versions[i], versions[i + 1]];
      if (one === undefined || two === undefined) return undefined;
      const at = ({ main, sub }: Version) => ({ main, sub });
      return [
        "with the next",
        instead(instead(versions, i, { ...two, ...at(one) }), i + 1, { ...one, ...at(two) }),
      ];
    },
  ),
  historyKind(
    "revision-shifted",
    "this and all later revisions shifted",
    everywhere,
    (versions, i, random) => {
      const by = 1 + random.below(1000);
      return [
        `shifted by ${by}`,
        versions.map((version, at) => (at < i ? version : { ...version, main: version.main + by })),
      ];
    },
  ),
  historyKind("revision-back", "all revisions shifted back or forth", everywhere, (versions, i) => {
    const first = versions[0]?.main ?? 0;
    const by = (i % 2 === 0 ? -1 : 1) * (1 + (i % Math.max(1, first - 1)));
    return [
      `all by ${by}`,
      versions.map((version) => ({
        ...version,
        main: version.main + by,
        create: Math.max(1, version.create + by),
      })),
    ];
  }),
  historyKind("tail-lost", "this and all later versions lost", everywhere, (versions, i) => [
    "lost from here",
    versions.slice(0, i),
  ]),
  historyKind("head-lost", "this and all earlier versions lost", everywhere, (versions, i) => [
    "lost up to here",
    versions.slice(i + 1),
  ]),
];
