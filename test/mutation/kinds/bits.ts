/** One bit, somewhere: in every kind of page, field and bucket. */
import { bucketOf, type Anatomy, type Span } from "../anatomy";
import { bits, type Kind } from "../mutant";
import { recordParts } from "../records";

function bitKind(
  id: string,
  title: string,
  spans: (anatomy: Anatomy) => readonly Span[],
  more: Pick<Kind, "manifestOnly"> = {},
): Kind {
  return {
    id,
    title,
    ...more,
    mutants: (base, random, places) => bits(base, spans(base.good.anatomy), random, places),
  };
}

/** Values of the bucket `key`, by what of the record they are. */
function ofRecords(part: "framing" | "name" | "number" | "value") {
  return (anatomy: Anatomy): readonly Span[] =>
    bucketOf(anatomy, "key").values.flatMap((span, i) =>
      recordParts(bucketOf(anatomy, "key").entries[i]?.value ?? Buffer.alloc(0))
        .filter(({ kind }) => kind === part)
        .map(({ at, bytes }) => ({
          at: span.at + at,
          bytes,
          what: `${span.what} (${part} of a record)`,
        })),
    );
}

const SMALL_BUCKETS = ["auth", "authRoles", "authUsers", "cluster", "lease", "members"] as const;
const SECRETIVE =
  "etcd tells no password hash and no permission in what a proof asks; the source's HashKV covers neither";

export const BITS: readonly Kind[] = [
  bitKind(
    "bit-anywhere",
    "a bit anywhere in the file",
    (a) => [{ at: 0, bytes: a.databaseBytes, what: "anywhere" }],
    {
      manifestOnly:
        "of a password hash or a name that no answer of etcd tells, only the manifest's SHA-256 knows",
    },
  ),
  bitKind("bit-meta", "a bit of the meta page that counts", (a) => a.metas[a.activeMeta] ?? []),
  bitKind("bit-meta-other", "a bit of the other meta page", (a) => a.metas[1 - a.activeMeta] ?? []),
  bitKind("bit-branch-header", "a bit of a branch page's header", (a) => a.branchHeaders),
  bitKind("bit-branch-element", "a bit of a branch page's element", (a) => a.branchElements),
  bitKind("bit-branch-key", "a bit of a branch page's key", (a) => a.branchKeys),
  bitKind("bit-root", "a bit of the page of the buckets", (a) => [
    ...bucketOf(a, "").pageHeaders,
    ...bucketOf(a, "").elements,
  ]),
  bitKind("bit-bucket", "a bit of a bucket's name, root or sequence", (a) => a.bucketHeads),
  bitKind(
    "bit-leaf-header",
    "a bit of a leaf page's header",
    (a) => bucketOf(a, "key").pageHeaders,
  ),
  bitKind("bit-leaf-element", "a bit of a leaf page's element", (a) => bucketOf(a, "key").elements),
  bitKind("bit-revision", "a bit of a revision", (a) => bucketOf(a, "key").keys),
  bitKind("bit-framing", "a bit of a record's framing", ofRecords("framing")),
  bitKind("bit-name", "a bit of a key's name", ofRecords("name")),
  bitKind("bit-number", "a bit of a record's revisions, version or lease", ofRecords("number")),
  bitKind("bit-value", "a bit of a value", ofRecords("value")),
  bitKind("bit-overflow", "a bit of an overflow page", (a) => bucketOf(a, "key").overflow),
  bitKind("bit-mark", "a bit of the bucket meta: compaction marks, versions, term", (a) => [
    ...bucketOf(a, "meta").keys,
    ...bucketOf(a, "meta").values,
    ...bucketOf(a, "meta").elements,
  ]),
  bitKind(
    "bit-small",
    "a bit of auth, roles, users, cluster, lease or members",
    (a) =>
      SMALL_BUCKETS.flatMap((name) => {
        const { keys, values, elements } = bucketOf(a, name);
        return [...keys, ...values, ...elements];
      }),
    { manifestOnly: SECRETIVE },
  ),
  bitKind("bit-removed", "a bit of the members that left", (a) => {
    const { keys, values, elements } = bucketOf(a, "members_removed");
    return [...keys, ...values, ...elements];
  }),
  bitKind("bit-unused", "a bit behind the last element of a page", (a) => a.unused),
  bitKind("bit-free", "a bit of a free page", (a) =>
    a.freePages.map((page) => ({
      at: page * a.pageSize,
      bytes: a.pageSize,
      what: `page ${page} (free)`,
    })),
  ),
  {
    id: "bit-trailer",
    title: "a bit of the trailer",
    mutants: ({ good: { file } }, random, places) =>
      Array.from({ length: places }, () => {
        const byte = file.length - 32 + random.below(32);
        const bit = random.below(8);
        return {
          place: `bit ${bit} of byte ${byte}`,
          make: () => {
            const bytes = Buffer.from(file);
            bytes.writeUInt8((bytes[byte] ?? 0) ^ (1 << bit), byte);
            return bytes;
          },
        };
      }),
  },
];
