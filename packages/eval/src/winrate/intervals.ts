/** Intervals of a mean over instructions. */
import { counterRandom } from "@outright/data";

/** Of the standard normal distribution: 95 % lie within ± this. */
const Z = 1.959963984540054;

export type Interval = [low: number, high: number];

/**
 * Wilson's score interval, 95 %, of a mean of n values between 0 and 1 (Wilson 1927). Made for values that are 0 or 1;
 * with ties it errs on the wide side, as p(1 − p) is the largest variance that such a mean can have.
 */
export function wilsonInterval(mean: number, n: number): Interval {
  const z2 = (Z * Z) / n;
  const centre = (mean + z2 / 2) / (1 + z2);
  const half = (Z / (1 + z2)) * Math.sqrt((mean * (1 - mean)) / n + z2 / (4 * n));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** Of a mean: sample standard deviation / √n; 0 for a single value. */
export function standardError(values: readonly number[]): number {
  return values.length < 2 ? 0 : standardDeviation(values) / Math.sqrt(values.length);
}

/** With n − 1. */
export function standardDeviation(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The bootstrap over instructions (Efron 1979): `statistic` of `resamples` samples drawn with replacement.
 * @param statistic of the instructions with these indices
 * @returns the percentile interval, 95 %, and the standard deviation of the samples' values
 */
export function bootstrap(
  count: number,
  statistic: (indices: Int32Array) => number,
  { resamples = 1000, seed }: { resamples?: number; seed: number },
): { interval: Interval; standardError: number } {
  const random = counterRandom(seed, "winrate/bootstrap");
  const indices = new Int32Array(count);
  const values: number[] = [];
  for (let b = 0; b < resamples; b++) {
    for (let i = 0; i < count; i++) indices[i] = Math.floor(random(b * count + i) * count);
    values.push(statistic(indices));
  }
  values.sort((a, b) => a - b);
  return {
    interval: [quantile(values, 0.025), quantile(values, 0.975)],
    standardError: standardDeviation(values),
  };
}

/** Of ascending values, linear between them. */
function quantile(values: readonly number[], share: number): number {
  const at = share * (values.length - 1);
  const below = Math.floor(at);
  const low = values[below] as number;
  const high = values[Math.min(below + 1, values.length - 1)] as number;
  return low + (at - below) * (high - low);
}
