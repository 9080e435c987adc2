import { expect, it } from "vitest";
import { nextPiece, PIECE_BYTES, TRIAL_BYTES, type Rates } from "../../../machine/ssh/copy-plan";

const GIB = 2 ** 30;

it.each<[string, Rates, number, boolean, ReturnType<typeof nextPiece>]>([
  ["without zstd, all at once", {}, GIB, false, { way: "plain", bytes: GIB }],
  ["each way is tried", {}, GIB, true, { way: "plain", bytes: TRIAL_BYTES }],
  ["the other one too", { plain: 1 }, GIB, true, { way: "zstd", bytes: TRIAL_BYTES }],
  ["a slow link", { plain: 1, zstd: 3 }, GIB, true, { way: "zstd", bytes: PIECE_BYTES }],
  ["a fast link", { plain: 3, zstd: 1 }, GIB, true, { way: "plain", bytes: GIB }],
  ["hardly anything gained", { plain: 10, zstd: 11 }, 5, true, { way: "plain", bytes: 5 }],
  ["nothing gained", { plain: 2, zstd: 2 }, GIB, true, { way: "plain", bytes: GIB }],
  ["no more than there is", { plain: 1, zstd: 3 }, 5, true, { way: "zstd", bytes: 5 }],
  ["a small file", {}, 5, true, { way: "plain", bytes: 5 }],
])("%s", (_what, rates, left, canCompress, expected) => {
  expect(nextPiece(rates, left, canCompress)).toEqual(expected);
});

it("sends a file of any size to its end, by the faster way but for the trials", () => {
  let [left, rates] = [GIB + 12345, {} as Rates];
  const sent = { plain: 0, zstd: 0 };
  while (left > 0) {
    const { way, bytes } = nextPiece(rates, left, true);
    expect(bytes).toBeGreaterThan(0);
    sent[way] += bytes;
    left -= bytes;
    rates = { ...rates, [way]: way === "zstd" ? 200 : 100 };
  }
  expect(sent).toEqual({ plain: TRIAL_BYTES, zstd: GIB + 12345 - TRIAL_BYTES });
});
