/** From rows to groups over seeds: means, intervals, increases over the baseline, hypervolumes. */
import { answer } from "./answer.js";
import type { SweepConfig } from "./config.js";
import { hypervolume } from "./hypervolume.js";
import { interval, intervalOfKnown, intervals } from "./statistics.js";
import type {
  Costs,
  Curve,
  CurvePoint,
  FinishedRow,
  Increase,
  Interval,
  OnRows,
  Outcome,
  Spread,
  SweepRow,
  SweepSummary,
} from "./types.js";

/** What the rows are measured against. */
export interface Yardstick {
  optima: OnRows;
  base: OnRows;
  ranges: OnRows;
  optimaCost: SweepSummary["optimaCost"];
}

export function summarise(sweep: SweepConfig, rows: readonly SweepRow[], yardstick: Yardstick): SweepSummary {
  const finished = rows.filter((row) => row.status === "finished");
  const baseline = baselineOf(sweep, rows);
  const names = [...new Set(rows.map(({ curve }) => curve))];
  const { budget } = sweep;
  const by = "steps" in budget ? "steps" : "tokens" in budget ? "tokens" : "seconds";
  const amount = (budget as Record<string, number>)[by] as number;
  const summary: SweepSummary = {
    version: 1,
    objectives: Object.fromEntries(
      Object.entries(sweep.base.objectives).map(([name, { kind }]) => [name, kind]),
    ),
    budget: { by, amount },
    seeds: ascending(rows.map(({ seed }) => seed)),
    lambdas: ascending(rows.flatMap(({ lambda }) => (lambda === null ? [] : [lambda]))),
    baseline,
    ...yardstick,
    curves: names.map((name) => {
      const own = rows.filter(({ curve }) => curve === name);
      return curveOf(own, finished, baseline?.curve, sweep);
    }),
    answer: [],
  };
  summary.answer = answer(summary, finished);
  return summary;
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
const ascending = (values: readonly number[]): number[] => unique(values).sort((a, b) => a - b);

function baselineOf({ baseline }: SweepConfig, rows: readonly SweepRow[]): SweepSummary["baseline"] {
  const compared = rows.filter(({ method }) => method !== "single");
  const chosen =
    rows.find(({ curve }) => curve === baseline) ??
    compared.find(({ method }) => method === "sequential") ??
    compared[0];
  return chosen === undefined ? null : { curve: chosen.curve, label: chosen.label };
}

function curveOf(
  rows: readonly SweepRow[],
  all: readonly FinishedRow[],
  baseline: string | undefined,
  sweep: SweepConfig,
): Curve {
  const { curve, label, method, every } = rows[0] as SweepRow;
  const lambdas = [...new Set(rows.map(({ lambda }) => lambda))].sort((a, b) => (a ?? 0) - (b ?? 0));
  const points = lambdas.flatMap((lambda) => {
    const at = rows.filter((row) => row.lambda === lambda);
    const finished = at.filter((row) => row.status === "finished");
    const others = all.filter((row) => row.curve === baseline && row.lambda === lambda);
    return finished.length === 0 ? [] : [pointOf(lambda, finished, at.length - finished.length, others)];
  });
  const ours = all.filter((row) => row.curve === curve);
  return {
    curve,
    label,
    method,
    every,
    points,
    hypervolume: method === "single" ? null : volumes(ours, sweep),
  };
}

function pointOf(
  lambda: number | null,
  rows: readonly FinishedRow[],
  failed: number,
  baseline: readonly FinishedRow[],
): CurvePoint {
  const of = (value: (row: FinishedRow) => number | null) => intervalOfKnown(rows.map(value));
  // a run that never trained an objective does not name it
  const trained = unique(rows.flatMap(({ stepsPerObjective }) => Object.keys(stepsPerObjective)));
  const meanSteps = (name: string) =>
    interval(rows.map(({ stepsPerObjective }) => stepsPerObjective[name] ?? 0)).mean;
  return {
    lambda,
    seeds: rows.map(({ seed }) => seed),
    failed,
    heldout: spread(rows.map(({ heldout }) => heldout)),
    train: rows.every(({ train }) => train !== null)
      ? spread(rows.map(({ train }) => train as Outcome))
      : null,
    seconds: interval(rows.map(({ seconds }) => seconds)),
    tokens: interval(rows.map(({ tokens }) => tokens)),
    cpuUtilization: of((row) => row.cpuUtilization),
    gpuUtilization: of((row) => row.gpuUtilization),
    peakTensorBytes: of((row) => row.peakTensorBytes),
    peakRssBytes: of((row) => row.peakRssBytes),
    stepsPerObjective: Object.fromEntries(trained.map((name) => [name, meanSteps(name)])),
    increase: increaseOf(rows, baseline),
  };
}

function spread(outcomes: readonly Outcome[]): Spread {
  return {
    losses: intervals(outcomes.map(({ losses }) => losses)),
    gaps: intervals(outcomes.map(({ gaps }) => gaps)),
    idealDistance: interval(outcomes.map(({ idealDistance }) => idealDistance)),
    scaledDistance: interval(outcomes.map(({ scaledDistance }) => scaledDistance)),
  };
}

/** Seed against the same seed, so that what a seed decides in both falls out. */
function increaseOf(rows: readonly FinishedRow[], baseline: readonly FinishedRow[]): Increase | null {
  const pairs = rows.flatMap((row) => {
    const other = baseline.find(({ seed }) => seed === row.seed);
    return other === undefined ? [] : [[row, other] as const];
  });
  if (pairs.length === 0) return null;
  const of = (value: (costs: Costs) => number | null): Interval | null =>
    intervalOfKnown(
      pairs.map(([row, other]) => {
        const [ours, theirs] = [value(row), value(other)];
        return ours === null || theirs === null || theirs === 0 ? null : 100 * (ours / theirs - 1);
      }),
    );
  const always = (value: (costs: Costs) => number) => of(value) ?? { mean: 0, low: 0, high: 0, n: 0 };
  return {
    seconds: always(({ seconds }) => seconds),
    tokens: always(({ tokens }) => tokens),
    peakTensorBytes: of(({ peakTensorBytes }) => peakTensorBytes),
    peakRssBytes: of(({ peakRssBytes }) => peakRssBytes),
    cpuUtilization: of(({ cpuUtilization }) => cpuUtilization),
    gpuUtilization: of(({ gpuUtilization }) => gpuUtilization),
  };
}

/** A front for each seed, of all its λ; a seed without all of them has none. */
function volumes(rows: readonly FinishedRow[], { sft, dpo }: SweepConfig): Curve["hypervolume"] {
  const lambdas = new Set(rows.map(({ lambda }) => lambda)).size;
  const seeds = unique(rows.map(({ seed }) => seed));
  const whole = seeds
    .map((seed) => rows.filter((row) => row.seed === seed))
    .filter(({ length }) => length === lambdas);
  if (whole.length === 0) return null;
  const of = (outcomeOf: (row: FinishedRow) => Outcome | null): Interval | null => {
    const values = whole.map((front) => {
      const outcomes = front.map(outcomeOf);
      return outcomes.includes(null)
        ? null
        : hypervolume(outcomes.map((one) => scaled(one as Outcome, sft, dpo)));
    });
    return values.includes(null) ? null : intervalOfKnown(values);
  };
  const heldout = of((row) => row.heldout);
  return heldout === null ? null : { heldout, train: of((row) => row.train) };
}

const scaled = ({ scaledGaps }: Outcome, sft: string, dpo: string): [number, number] => [
  scaledGaps[sft] as number,
  scaledGaps[dpo] as number,
];
