/** Means over seeds with 95 % intervals. */
import type { Interval } from "./types.js";

/** 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom. */
const T_975 = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604,
  2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
  2.0518, 2.0484, 2.0452, 2.0423,
];
const Z_975 = 1.959964;

/** Beyond the table by Fisher's expansion in 1/df, good to 4 decimals there. */
export function studentT975(degrees: number): number {
  const z = Z_975;
  return (
    T_975[degrees - 1] ??
    z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2)
  );
}

/** @throws RangeError where there are no values */
export function interval(values: readonly number[]): Interval {
  const n = values.length;
  if (n === 0) throw new RangeError("an interval needs a value");
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { mean, low: mean, high: mean, n };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentT975(n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half, n };
}

/** Of those values that are known; null where none is. */
export function intervalOfKnown(values: readonly (number | null)[]): Interval | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : interval(known);
}

/** For each key of the first record, over all records. */
export function intervals(records: readonly Readonly<Record<string, number>>[]): Record<string, Interval> {
  return Object.fromEntries(
    Object.keys(records[0] ?? {}).map((key) => [
      key,
      interval(records.map((record) => record[key] as number)),
    ]),
  );
}
