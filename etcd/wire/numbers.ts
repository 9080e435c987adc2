/** How numbers stand in texts for people, alike in every room. */

/** A count with its thousands apart: `1,486,880`. For counts only: what people paste (revisions, hashes) stays whole. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
