import { expect, test } from "vitest";
import { confidenceText, worstShare } from "../../evidence/confidence";
import { draw } from "../../scripts/commands/drill/choose";

test.each([
  // With no bad one: 1 - 0.05^(1/n).
  [0, 299, 1 - 0.05 ** (1 / 299)],
  [0, 59, 1 - 0.05 ** (1 / 59)],
  [0, 1, 0.95],
  // R: binom.test(k, n, alternative = "less")$conf.int[2]
  [1, 100, 0.0466],
  [5, 50, 0.1989],
])("%i bad of %i: at most a share of %d", (bad, drawn, share) => {
  expect(worstShare(bad, drawn)).toBeCloseTo(share, 3);
});

test("says what random drills prove together", () => {
  expect(confidenceText(299, 299)).toBe(
    "299 of 299 random backups good: at most 1.0 % bad with 95 % confidence",
  );
  expect(worstShare(3, 3)).toBe(1);
});

test("a seed draws the same one of as many, and seeds draw each as often", () => {
  expect(draw("x", 30)).toBe(draw("x", 30));
  const counts = Array.from({ length: 7 }, () => 0);
  for (let seed = 0; seed < 7000; seed += 1) {
    const drawn = draw(String(seed), 7);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
