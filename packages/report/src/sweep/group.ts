/** The groups of summary.json made from the rows alone, for a sweep that has not written it yet. */
import type { Interval, Outcome, Point, Spread, SweepCurve, SweepRow, SweepSummary } from "./format.js";
import { intervalOf } from "./intervals.js";

const NONE: Interval = { mean: Number.NaN, low: Number.NaN, high: Number.NaN, n: 0 };
const of = (values: (number | null | undefined)[]): Interval =>
  intervalOf(values.map((v) => v ?? Number.NaN)) ?? NONE;

export interface Known {
  objectives: Record<string, string>;
  optima: SweepSummary["optima"];
  base: SweepSummary["base"];
  ranges: SweepSummary["ranges"];
  optimaCost: SweepSummary["optimaCost"];
}

export function groupRows(rows: SweepRow[], told: Known): SweepSummary {
  const curves = [...new Map(rows.map((row) => [row.curve, row])).values()];
  const finished = rows.filter((row) => row.status === "finished");
  const first =
    curves.find((row) => row.method === "sequential" && finished.some((f) => f.curve === row.curve)) ??
    curves.find((row) => row.method !== "single");
  return {
    version: 1,
    ...told,
    budget: { by: "steps", amount: Math.max(0, ...finished.map((row) => row.steps)) },
    seeds: sorted(rows.map((row) => row.seed)),
    lambdas: sorted(rows.flatMap((row) => (row.lambda === null ? [] : [row.lambda]))),
    baseline: { curve: first?.curve ?? "", label: first?.label ?? "" },
    curves: curves.map((row): SweepCurve => {
      const { curve, label, method, every } = row;
      const own = rows.filter((r) => r.curve === curve);
      const lambdas = [...new Set(own.map((r) => r.lambda))].sort((a, b) => (a ?? 0) - (b ?? 0));
      const points = lambdas.flatMap((lambda) => {
        const all = own.filter((r) => r.lambda === lambda);
        const base = finished.filter(
          (r) => r.curve === first?.curve && r.lambda === lambda && lambda !== null,
        );
        return pointOf(lambda, all, base);
      });
      return { curve, label, method, every, points, hypervolume: null };
    }),
    answer: [],
  };
}

const sorted = (values: number[]): number[] => [...new Set(values)].sort((a, b) => a - b);

function pointOf(lambda: number | null, all: SweepRow[], base: SweepRow[]): Point[] {
  const rows = all.filter((row) => row.status === "finished");
  if (rows.length === 0) return [];
  const increase = (of_: (row: SweepRow) => number | null): Interval | null => {
    const before = intervalOf(base.map((row) => of_(row) ?? Number.NaN));
    if (before === undefined || before.mean === 0) return null;
    return intervalOf(rows.map((row) => 100 * ((of_(row) ?? Number.NaN) / before.mean - 1))) ?? null;
  };
  const trained = rows.flatMap((row) => (row.train == null ? [] : [row.train]));
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.stepsPerObjective)))];
  return [
    {
      lambda,
      seeds: rows.map((row) => row.seed),
      failed: all.length - rows.length,
      heldout: spreadOf(rows.map((row) => row.heldout)),
      train: trained.length === 0 ? null : spreadOf(trained),
      seconds: of(rows.map((row) => row.seconds)),
      tokens: of(rows.map((row) => row.tokens)),
      cpuUtilization: of(rows.map((row) => row.cpuUtilization)),
      gpuUtilization: of(rows.map((row) => row.gpuUtilization)),
      peakTensorBytes: of(rows.map((row) => row.peakTensorBytes)),
      peakRssBytes: of(rows.map((row) => row.peakRssBytes)),
      stepsPerObjective: Object.fromEntries(
        names.map((name) => [name, of(rows.map((row) => row.stepsPerObjective[name])).mean]),
      ),
      increase:
        base.length === 0
          ? null
          : {
              seconds: increase((row) => row.seconds),
              tokens: increase((row) => row.tokens),
              peakTensorBytes: increase((row) => row.peakTensorBytes),
              peakRssBytes: increase((row) => row.peakRssBytes),
              cpuUtilization: increase((row) => row.cpuUtilization),
              gpuUtilization: increase((row) => row.gpuUtilization),
            },
    },
  ];
}

function spreadOf(outcomes: Outcome[]): Spread {
  const named = (key: "losses" | "gaps"): Record<string, Interval> => {
    const names = [...new Set(outcomes.flatMap((outcome) => Object.keys(outcome[key] ?? {})))];
    return Object.fromEntries(names.map((name) => [name, of(outcomes.map((o) => o[key]?.[name]))]));
  };
  return {
    losses: named("losses"),
    gaps: named("gaps"),
    idealDistance: of(outcomes.map((outcome) => outcome.idealDistance)),
    scaledDistance: of(outcomes.map((outcome) => outcome.scaledDistance)),
  };
}
