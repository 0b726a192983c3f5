/** Means and 95 % intervals over seeds, and the little that figures need to handle them. */
import type { Interval } from "./format.js";

/** Two-sided 95 % points of Student's t for 1 to 10 degrees of freedom. */
const T95 = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281];

/** @param freedom degrees of freedom, 1 or more; above 10 by the expansion in 1/freedom, within 10⁻³ (Abramowitz and Stegun, 26.7.5) */
export function studentT95(freedom: number): number {
  if (!(freedom >= 1)) throw new RangeError(`studentT95: ${freedom} degrees of freedom; it needs 1 or more`);
  const known = T95[Math.floor(freedom) - 1];
  if (known !== undefined) return known;
  const z = 1.959964;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
  ];
  return terms.reduce((sum, term, i) => sum + term / freedom ** (i + 1), z);
}

/** Of the finite values; undefined where there is none. */
export function intervalOf(values: number[]): Interval | undefined {
  const finite = values.filter(Number.isFinite);
  const n = finite.length;
  if (n === 0) return undefined;
  const mean = finite.reduce((sum, v) => sum + v, 0) / n;
  if (n === 1) return { mean, low: mean, high: mean, n };
  const variance = finite.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  const half = studentT95(n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half, n };
}

/** An interval that can be drawn; undefined for null, for what is missing, and where the mean is no number. */
export function known(interval: Interval | null | undefined): Interval | undefined {
  if (interval == null || !Number.isFinite(interval.mean)) return undefined;
  const { mean, n } = interval;
  const [low, high] = [interval.low, interval.high].map((v) => (Number.isFinite(v) ? v : mean));
  return { mean, low: low!, high: high!, n };
}

/** Half the width; 0 with one seed. */
export const half = ({ low, high }: Interval): number => (high - low) / 2;

/** Four cells of a CSV. */
export const CELLS = ["mean", "low 95 %", "high 95 %", "seeds"] as const;
export const cells = (interval: Interval | null | undefined): (number | undefined)[] => {
  const i = known(interval);
  return i === undefined ? [undefined, undefined, undefined, undefined] : [i.mean, i.low, i.high, i.n];
};
export const cellNames = (name: string): string[] => CELLS.map((cell) => `${name}, ${cell}`);
