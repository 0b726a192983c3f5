/** One run that is the mean of several seeds' evaluations. */
import type { EvalRow, Logps, Run } from "../run.js";

/**
 * Runs that were evaluated at the same steps are averaged there; runs of different lengths (equal tokens, equal time) at equal
 * shares of their way, between evaluations by straight lines.
 * @param runs at least one
 */
export function meanRun(runs: Run[], name: string): Run {
  const told = runs.filter((run) => run.evals.length > 0);
  if (told.length <= 1) return { ...(told[0] ?? runs[0]!), name };
  const longest = told.reduce((a, b) => (b.evals.length > a.evals.length ? b : a));
  const last = longest.evals.at(-1)!.step || 1;
  const isAligned = told.every(
    (run) =>
      run.evals.length === longest.evals.length &&
      run.evals.every((row, i) => row.step === longest.evals[i]!.step),
  );
  const evals = longest.evals.map((row, i) =>
    meanRow(told.map((run) => (isAligned ? run.evals[i]! : evalAt(run, row.step / last)))),
  );
  return { ...longest, name, evals, notes: [] };
}

/** An evaluation at a share of the run's way. */
function evalAt(run: Run, share: number): EvalRow {
  const step = share * run.evals.at(-1)!.step;
  const after = run.evals.findIndex((row) => row.step >= step - 1e-9);
  const [a, b] = [run.evals[Math.max(0, after - 1)]!, run.evals[after]!];
  const part = b.step === a.step ? 1 : (step - a.step) / (b.step - a.step);
  return combine([a, b], [1 - part, part]);
}

const meanRow = (rows: EvalRow[]): EvalRow =>
  combine(
    rows,
    rows.map(() => 1 / rows.length),
  );

/** Σ weight · row, in every number; a number that one row lacks is lacking. */
function combine(rows: EvalRow[], weights: number[]): EvalRow {
  const sum = (of: (row: EvalRow) => number | undefined): number =>
    rows.reduce(
      (total, row, i) => (weights[i] === 0 ? total : total + weights[i]! * (of(row) ?? Number.NaN)),
      0,
    );
  const numbers = (of: (row: EvalRow) => Record<string, number> | undefined): Record<string, number> =>
    Object.fromEntries(Object.keys(of(rows[0]!) ?? {}).map((key) => [key, sum((row) => of(row)?.[key])]));
  const pair = (name: string): Logps => ({
    chosen: sum((row) => row.logps[name]?.chosen),
    rejected: sum((row) => row.logps[name]?.rejected),
  });
  return {
    step: Math.round(sum((row) => row.step)),
    losses: numbers((row) => row.losses),
    gaps: numbers((row) => row.gaps),
    idealDistance: sum((row) => row.idealDistance),
    logps: Object.fromEntries(Object.keys(rows[0]!.logps).map((name) => [name, pair(name)])),
    margins: numbers((row) => row.margins),
    accuracies: numbers((row) => row.accuracies),
    kl: numbers((row) => row.kl),
    klSeconds: sum((row) => row.klSeconds),
    ...(rows.every((row) => row.train !== undefined)
      ? {
          train: {
            losses: numbers((row) => row.train?.losses),
            idealDistance: sum((row) => row.train?.idealDistance),
          },
        }
      : {}),
  };
}
