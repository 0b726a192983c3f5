/** Summaries of repeated measurements. */

export interface Stats {
  median: number;
  min: number;
  max: number;
  /** distance of the quartiles as a share of the median: how noisy the machine was */
  spread: number;
  count: number;
}

/** The q-quantile, 0 ≤ q ≤ 1, linear between neighbours (numpy's default). NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low === high ? low : low + (at - Math.floor(at)) * (high - low);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** @throws where there are no values: a benchmark that measured nothing must not look like one */
export function summarise(values: readonly number[]): Stats {
  if (values.length === 0) throw new Error("nothing was measured");
  const middle = median(values);
  return {
    median: middle,
    min: Math.min(...values),
    max: Math.max(...values),
    spread: middle === 0 ? 0 : (quantile(values, 0.75) - quantile(values, 0.25)) / Math.abs(middle),
    count: values.length,
  };
}

/** One value that was read, not sampled, such as a peak of memory. */
export function single(value: number): Stats {
  return { median: value, min: value, max: value, spread: 0, count: 1 };
}
