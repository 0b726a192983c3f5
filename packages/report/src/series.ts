/** From a run's lines to the points of a curve: long runs are drawn as means over equal stretches of steps. */
import type { Run } from "./run.js";

export interface Point {
  step: number;
  value: number;
}

/** Points a training curve is drawn with: means over so many stretches show the trend of noisy batches. */
export const MAX_POINTS = 75;

/**
 * Mean of each stretch of consecutive points, so that at most `max` remain. A stretch's step is its last one.
 * NaN in a stretch makes its mean NaN: a broken loss must show, not be averaged away.
 */
export function binned(points: Point[], max: number = MAX_POINTS): Point[] {
  if (points.length <= max) return points;
  const size = Math.ceil(points.length / max);
  const out: Point[] = [];
  for (let i = 0; i < points.length; i += size) {
    const part = points.slice(i, i + size);
    out.push({ step: part.at(-1)!.step, value: part.reduce((sum, p) => sum + p.value, 0) / part.length });
  }
  return out;
}

/** Training losses of one objective on the steps that trained it (or measured it). */
export function trainingLoss(run: Run, objective: string): Point[] {
  return run.steps.flatMap((row) => {
    const value = row.losses[objective];
    return value === undefined ? [] : [{ step: row.step, value }];
  });
}

/** Held-out losses of one objective. */
export function heldOutLoss(run: Run, objective: string): Point[] {
  return run.evals.flatMap((row) => {
    const value = row.losses[objective];
    return value === undefined ? [] : [{ step: row.step, value }];
  });
}

export interface LogpSeries {
  /** where the numbers come from */
  source: "held out" | "training batches";
  rows: { step: number; chosen: number; rejected: number }[];
}

/** Mean log-probs of chosen and rejected answers: held-out where the run has them, else of its training batches. */
export function logpSeries(run: Run): LogpSeries | undefined {
  const name = run.objectives.find((objective) =>
    run.evals.some((row) => row.logps[objective] !== undefined),
  );
  if (name !== undefined) {
    const rows = run.evals.flatMap((row) => {
      const pair = row.logps[name];
      return pair === undefined ? [] : [{ step: row.step, ...pair }];
    });
    if (rows.length > 1) return { source: "held out", rows };
  }
  const told = run.steps.flatMap((row) =>
    row.logps === undefined ? [] : [{ step: row.step, ...row.logps }],
  );
  if (told.length === 0) return undefined;
  // Single batches are noisy: at most 40 means, so that a trend can be told from noise.
  const chosen = binned(
    told.map((row) => ({ step: row.step, value: row.chosen })),
    40,
  );
  const rejected = binned(
    told.map((row) => ({ step: row.step, value: row.rejected })),
    40,
  );
  return {
    source: "training batches",
    rows: chosen.map((point, i) => ({ step: point.step, chosen: point.value, rejected: rejected[i]!.value })),
  };
}

/** Share of each objective over steps (x1, x2], stretches of equal share joined. */
export interface Stretch {
  from: number;
  to: number;
  objective: string;
  share: number;
}

/** Which objective trained when: at most `max` bins over the run, each with the objectives' mean weights. */
export function schedule(run: Run, max = 300): Stretch[] {
  const last = run.steps.at(-1)?.step ?? 0;
  const size = Math.max(1, Math.ceil(last / max));
  const bins = new Map<number, { steps: number; shares: Record<string, number> }>();
  for (const row of run.steps) {
    const index = Math.floor((row.step - 1) / size);
    const bin = bins.get(index) ?? { steps: 0, shares: {} };
    const total = Object.values(row.weights).reduce((sum, w) => sum + (w || 0), 0) || 1;
    for (const [name, weight] of Object.entries(row.weights)) {
      bin.shares[name] = (bin.shares[name] ?? 0) + (weight || 0) / total;
    }
    bin.steps++;
    bins.set(index, bin);
  }
  const out: Stretch[] = [];
  const open = new Map<string, Stretch>();
  for (const [index, bin] of [...bins].sort(([a], [b]) => a - b)) {
    for (const [objective, sum] of Object.entries(bin.shares)) {
      const share = sum / bin.steps;
      if (share <= 0) continue;
      const before = open.get(objective);
      const from = index * size;
      const to = Math.min(from + size, last);
      if (before !== undefined && before.to === from && Math.abs(before.share - share) < 1e-9) before.to = to;
      else {
        const stretch = { from, to, objective, share };
        open.set(objective, stretch);
        out.push(stretch);
      }
    }
  }
  return out;
}
