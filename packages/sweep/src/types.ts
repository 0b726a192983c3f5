/** What a sweep writes: `results.jsonl`, `summary.json`, `optima.json`. Losses are means in nats, as in metrics.jsonl. */

/** Mean over seeds with a 95 % interval; of one value, low = high = mean. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
  /** values that it was made from */
  n: number;
}

/** Where a model stands on one set of rows. */
export interface Outcome {
  losses: Record<string, number>;
  /** f_i − f_i* */
  gaps: Record<string, number>;
  /** √Σ gap² (paper, section 3) */
  idealDistance: number;
  /** each gap divided by its objective's range: 0 = as good as alone, 1 = as bad as the other alone leaves it */
  scaledGaps: Record<string, number>;
  /** √Σ of their squares; a loss below f_i* counts as no gap */
  scaledDistance: number;
}

export type MethodName = "single" | "sequential" | "mix" | "alright" | "maxright" | "average";

/** What is compared: runs of one curve differ in λ and seed only. */
export interface Place {
  /** the run's directory below runs/ */
  id: string;
  curve: string;
  label: string;
  method: MethodName;
  /** weight of the preference objective; null where it has no meaning */
  lambda: number | null;
  /** K of MAXRIGHT with measured gaps, else null */
  every: number | null;
  seed: number;
}

export interface Costs {
  steps: number;
  stepsPerObjective: Record<string, number>;
  tokens: number;
  lossTokens: number;
  pairs: number;
  /** of the training steps alone */
  seconds: number;
  /** CPU time / (wall time × threads) over the training steps */
  cpuUtilization: number | null;
  gpuUtilization: number | null;
  peakTensorBytes: number | null;
  peakRssBytes: number | null;
}

/** A line of results.jsonl. */
export type SweepRow =
  | ({ version: 1; status: "finished"; heldout: Outcome; train: Outcome | null } & Place & Costs)
  | ({ version: 1; status: "failed"; error: string } & Place);

export type FinishedRow = Extract<SweepRow, { status: "finished" }>;

/** One number for each objective, on held-out rows and on the slice of training rows. */
export interface OnRows {
  heldout: Record<string, number>;
  train: Record<string, number> | null;
}

/** optima.json: f* of each objective, how it was measured, and what else those runs tell. */
export interface OptimaFile {
  version: 1;
  objectives: Record<
    string,
    {
      /** the lowest loss that the run on this objective alone was evaluated at */
      heldout: number;
      train: number | null;
      /** step of that evaluation, and steps of the run */
      step: number;
      steps: number;
      seed: number;
      seconds: number;
      tokens: number;
      /** directory of the run, seen from this file */
      run: string;
      rows: { heldout: number; train: number };
      /** losses of all objectives at that run's end (the payoff table) */
      losses: OnRows;
      /** names the rows, loss and reference (`objectiveKey`) */
      key: string;
    }
  >;
  /** losses of the model that the runs start from */
  base: OnRows;
  /** hash of all that decides these numbers */
  key: string;
}

export interface Spread {
  losses: Record<string, Interval>;
  gaps: Record<string, Interval>;
  idealDistance: Interval;
  scaledDistance: Interval;
}

/** Percent more than the baseline at the same λ, seed by seed. */
export interface Increase {
  seconds: Interval;
  tokens: Interval;
  peakTensorBytes: Interval | null;
  peakRssBytes: Interval | null;
  cpuUtilization: Interval | null;
  gpuUtilization: Interval | null;
}

export interface CurvePoint {
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
  /** means over seeds */
  stepsPerObjective: Record<string, number>;
  increase: Increase | null;
}

export interface Curve {
  curve: string;
  label: string;
  method: MethodName;
  every: number | null;
  points: CurvePoint[];
  /** area that the front over λ dominates in the scaled plane, between (0, 0) and (1, 1); null for single objectives */
  hypervolume: { heldout: Interval; train: Interval | null } | null;
}

export interface SweepSummary {
  version: 1;
  objectives: Record<string, "sft" | "dpo">;
  budget: { by: "steps" | "tokens" | "seconds"; amount: number };
  seeds: number[];
  lambdas: number[];
  /** what costs are relative to */
  baseline: { curve: string; label: string } | null;
  optima: OnRows;
  base: OnRows;
  /** from f* to the loss that training on the other objective alone ends with */
  ranges: OnRows;
  /** what measuring f* took; null where it was given */
  optimaCost: { seconds: number; tokens: number; steps: number } | null;
  curves: Curve[];
  /** sentences: which method, which λ, at what cost */
  answer: string[];
}
