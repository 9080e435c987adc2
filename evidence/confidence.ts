/**
 * What a sample of randomly drawn backups says of all of them: the one-sided upper bound of Clopper and Pearson (1934) for
 * the share of bad ones, at 95 % confidence. With no bad one among n it is 1 - 0.05^(1/n), about 3/n.
 */

const CONFIDENCE = 0.95;

/** Share of bad ones that is exceeded with a probability of 5 % at most, when `bad` of `drawn` were bad. */
export function worstShare(bad: number, drawn: number): number {
  if (drawn === 0 || bad >= drawn) return 1;
  // The share at which so few bad ones, or fewer, would be seen in 5 % of all samples only: it falls as the share grows.
  let low = bad / drawn;
  let high = 1;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (atMost(bad, drawn, middle) > 1 - CONFIDENCE) low = middle;
    else high = middle;
  }
  return high;
}

/** `299 of 299 random backups good: at most 1.0 % bad with 95 % confidence`. */
export function confidenceText(good: number, drawn: number): string {
  const percent = (100 * worstShare(drawn - good, drawn)).toFixed(1);
  return `${good} of ${drawn} random backups good: at most ${percent} % bad with 95 % confidence`;
}

/** Probability of `k` or fewer bad ones among `n`, when a share `p` of all is bad. */
function atMost(k: number, n: number, p: number): number {
  let term = n * Math.log1p(-p);
  let sum = Math.exp(term);
  for (let i = 1; i <= k; i += 1) {
    term += Math.log((n - i + 1) / i) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(term);
  }
  return sum;
}
