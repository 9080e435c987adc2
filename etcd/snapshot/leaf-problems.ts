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
      return `element ${element} has the flags 0x${found.toString(16)}, expected 0: a bucket inside the bucket "key"`;
    case -3:
      return `element ${element} does not lie within the page's ${bytes} bytes (position and lengths add up to ${found})`;
    case -4:
      return `the key of element ${element} (${found} bytes) is not a revision: expected 17 bytes, or 18 for a tombstone`;
    case -5:
      return `element ${element} has the number ${found}, which is greater than any real revision or version`;
    case -6:
      return `the revisions do not ascend: element ${element} has ${found}`;
    case -7:
      return `the first revision of the page, ${found}, is before ${low}, which the branch page above gives for it`;
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
    default:
      return `cannot be read (problem ${code} at element ${element})`;
  }
}
