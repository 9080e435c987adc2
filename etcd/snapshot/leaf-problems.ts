/** The scanner's numbers of problems, as sentences. */

/** `element N has …`: a revision whose main part may be one that etcd can count and we cannot. */
export const REVISION_TOO_GREAT = -5;

/** What the scanner says of a leaf page that it could not read (`wasm/leaf.ts` has the codes). */
export interface LeafProblem {
  readonly code: number;
  readonly element: number;
  /** Where in the file. */
  readonly fileOffset: number;
  /** A number that belongs to the problem: a length, a revision, a tag. */
  readonly found: number;
}

/** The problem in a sentence; `low` and `high` are what the branch page above says, where it says something. */
export function describeLeafProblem(
  { code, element, found }: LeafProblem,
  bytes: number,
  low: string,
  high: string,
): string {
  switch (code) {
    case -1:
      return `says that it holds ${found} elements, which do not fit into its ${bytes} bytes`;
    case -2:
      return `element ${element} has the flags 0x${found.toString(16)}, expected 0${found === 1 ? ': a bucket inside the bucket "key"' : ""}`;
    case -3:
      return `element ${element} does not lie within the page's ${bytes} bytes, right behind the one before (position and lengths add up to ${found})`;
    case -4:
      return `the key of element ${element} (${found} bytes) is not a revision: expected 17 bytes, or 18 for a tombstone`;
    case REVISION_TOO_GREAT:
      return `element ${element} is of revision ${found}, and its place in it is greater than any real one`;
    case -6:
      return `the revisions do not ascend: element ${element} has ${found}`;
    case -7:
      return `the first revision of the page, ${found}, is not ${low}, which the branch page above gives for it`;
    case -8:
      return `the last revision of the page, ${found}, is not before ${high}, where the next page begins`;
    case -9:
      return `the record of element ${element} (${found} bytes) is not a whole KeyValue: its protobuf framing is broken`;
    case -10:
      return `the record of element ${element} has a field with the tag 0x${found.toString(16)}, which a KeyValue does not have`;
    case -11:
      return `the record of element ${element} says mod revision ${found}, its key in the bucket says another one`;
    case -12:
      return `the record of element ${element} (${found} bytes) has no key`;
    case -13:
      return `there are more records than this reader can index in 4 GiB, which is about 30 million; it stopped after ${found}`;
    case -14:
      return `element ${element} has revision 0.${found}; the first revision of a store is 1, and etcd does not read it`;
    case -16:
      return `the record of element ${element} has the version number ${found}, which is greater than any real one`;
    case -15:
      return `the record of element ${element} is none that etcd writes: create revision ${found}, with the version number and the rest, does not fit its revision`;
    default:
      return `cannot be read (problem ${code} at element ${element})`;
  }
}
