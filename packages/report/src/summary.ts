/** The summary table where no results.json gives one: made from what the runs wrote. */
import {
  allObjectives,
  forgotten,
  gap,
  idealDistance,
  lastEval,
  lossTitle,
  seconds,
  stepsPerObjective,
} from "./facts.js";
import type { Results, ResultsColumn, ResultsRow } from "./results.js";
import type { Run } from "./run.js";

export function summarize(runs: Run[]): Results {
  const objectives = allObjectives(runs);
  const columns: ResultsColumn[] = [];
  const rows: ResultsRow[] = runs.map((run) => ({ name: run.name }));
  const add = (column: ResultsColumn, value: (run: Run) => number): void => {
    const values = runs.map(value);
    if (!values.some(Number.isFinite)) return;
    columns.push(column);
    for (const [i, v] of values.entries()) rows[i]![column.key] = Number.isFinite(v) ? v : null;
  };
  const atLast = (run: Run, pick: (row: NonNullable<ReturnType<typeof lastEval>>) => number): number => {
    const row = lastEval(run);
    return row === undefined ? Number.NaN : pick(row);
  };
  for (const name of objectives) {
    const label = `${lossTitle(runs, name)} loss`;
    add({ key: `loss.${name}`, label, better: "low" }, (run) =>
      atLast(run, (row) => row.losses[name] ?? Number.NaN),
    );
  }
  for (const name of objectives) {
    add({ key: `gap.${name}`, label: `${lossTitle(runs, name)} gap`, better: "low" }, (run) =>
      atLast(run, (row) => gap(run, row, name)),
    );
  }
  add({ key: "idealDistance", label: "ideal distance", better: "low" }, (run) =>
    atLast(run, (row) => idealDistance(run, row)),
  );
  for (const name of objectives) {
    add({ key: `forgotten.${name}`, label: `${lossTitle(runs, name)} forgotten`, better: "low" }, (run) =>
      forgotten(run, name),
    );
  }
  for (const name of objectives) {
    add(
      {
        key: `accuracy.${name}`,
        label: `${lossTitle(runs, name)} pairs ranked right`,
        unit: "%",
        better: "high",
      },
      (run) => atLast(run, (row) => row.accuracies[name] ?? Number.NaN),
    );
  }
  for (const name of objectives) {
    add(
      { key: `steps.${name}`, label: `${lossTitle(runs, name)} steps`, digits: 0 },
      (run) => stepsPerObjective(run)[name] ?? 0,
    );
  }
  add({ key: "seconds", label: "time", unit: "s", digits: 1, better: "low" }, seconds);
  const notes: string[] = [];
  if (columns.some((c) => c.key.startsWith("loss.")))
    notes.push("Losses are means over held-out rows, at each run's last evaluation.");
  if (columns.some((c) => c.key.startsWith("gap."))) {
    notes.push(
      "A gap is the loss minus f*, the best known loss of that objective alone; the ideal distance is √Σ gap².",
    );
  }
  if (columns.some((c) => c.key.startsWith("forgotten."))) {
    notes.push("Forgotten: how far a held-out loss ended above the lowest value it had during the run.");
  }
  return { title: "Summary", columns, rows, notes };
}
