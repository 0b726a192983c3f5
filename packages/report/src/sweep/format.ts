/** The files of a sweep's directory (format version 1), as far as the report reads them. Losses in nats. */

export interface Outcome {
  losses: Record<string, number>;
  /** f_i − f_i* */
  gaps: Record<string, number>;
  /** √Σ gap² (paper, section 3) */
  idealDistance: number;
  /** the same, each gap divided by its objective's range */
  scaledDistance: number;
}

/** A line of results.jsonl: a run that finished or failed. */
export interface SweepRow {
  version: 1;
  /** its directory below runs/ */
  id: string;
  /** runs that differ only in λ and seed share it */
  curve: string;
  label: string;
  method: string;
  /** weight of DPO; null where it has no meaning */
  lambda: number | null;
  /** steps between two measurements of all gaps (MAXRIGHT), else null */
  every: number | null;
  seed: number;
  status: "finished" | "failed";
  /** of a failed run, one line; all that follows is then absent */
  error?: string;
  steps: number;
  stepsPerObjective: Record<string, number>;
  tokens: number;
  lossTokens: number;
  pairs: number;
  /** of the training steps alone */
  seconds: number;
  /** 0 to 1 */
  cpuUtilization: number | null;
  gpuUtilization: number | null;
  peakTensorBytes: number | null;
  peakRssBytes: number | null;
  heldout: Outcome;
  train: Outcome | null;
}

/** Mean and 95 % interval over seeds; low = high = mean where n is 1. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
  n: number;
}

export interface Spread {
  losses: Record<string, Interval>;
  gaps: Record<string, Interval>;
  idealDistance: Interval;
  scaledDistance: Interval;
}

/** Percent more than the baseline at the same λ. */
export interface Increase {
  seconds: Interval | null;
  tokens: Interval | null;
  peakTensorBytes: Interval | null;
  peakRssBytes: Interval | null;
  cpuUtilization: Interval | null;
  gpuUtilization?: Interval | null;
}

export interface Point {
  lambda: number | null;
  seeds: number[];
  failed: number;
  heldout: Spread;
  train: Spread | null;
  seconds: Interval;
  tokens: Interval;
  cpuUtilization: Interval | null;
  gpuUtilization: Interval | null;
  peakTensorBytes: Interval | null;
  peakRssBytes: Interval | null;
  stepsPerObjective: Record<string, number>;
  increase: Increase | null;
}

export interface SweepCurve {
  curve: string;
  label: string;
  method: string;
  every: number | null;
  points: Point[];
  /** area that the front dominates in the plane of scaled gaps, reference point (1, 1) */
  hypervolume: { heldout: Interval; train: Interval | null } | null;
}

export interface BySlice {
  heldout: Record<string, number>;
  train: Record<string, number> | null;
}

/** summary.json */
export interface SweepSummary {
  version: 1;
  objectives: Record<string, string>;
  budget: { by: string; amount: number };
  seeds: number[];
  lambdas: number[];
  baseline: { curve: string; label: string };
  optima: BySlice;
  base: BySlice;
  ranges: BySlice;
  optimaCost: { seconds: number; tokens: number; steps: number };
  curves: SweepCurve[];
  answer: string[];
}
