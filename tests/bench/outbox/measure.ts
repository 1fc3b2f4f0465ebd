/**
 * Measures one thing against another in one run: round by round in turn, and the medians in the end.
 *
 * @module
 */

/** What was measured: milliseconds for each candidate, in the order of the candidates. */
export interface Measured {
  readonly medianMs: readonly number[];
}

/** Runs every candidate once a round, each beginning a round in turn, after one round that does not count. */
export async function compare(
  rounds: number,
  candidates: ReadonlyArray<() => Promise<number>>,
): Promise<Measured> {
  const times = candidates.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (let n = 0; n < candidates.length; n++) {
      const at = (round + n) % candidates.length;
      const ms = await candidates[at]?.() ?? NaN;
      if (round > 0) times[at]?.push(ms);
    }
  }
  return { medianMs: times.map(medianOf) };
}

/** The milliseconds that some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** The value in the middle. */
export function medianOf(values: readonly number[]): number {
  return quantileOf(values, 0.5);
}

/** The value that a share of all values lies below. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}
