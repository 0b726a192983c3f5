/** Gaps and ideal distance of each run at its last evaluation, as bars with their values. */
import * as Plot from "@observablehq/plot";
import { chart } from "../chart.js";
import { allObjectives, gap, idealDistance, lastEval, lossTitle } from "../facts.js";
import { type Figure, type FigureInput, HALO } from "./figure.js";

export function gaps({ runs, looks }: FigureInput): Figure {
  const metrics = [...allObjectives(runs).map((name) => `${lossTitle(runs, name)} gap`), "ideal distance"];
  const figure: Figure = {
    id: "gaps",
    title: "Gaps and ideal distance",
    caption:
      "Last held-out losses minus f*, the best known loss of each objective alone, and the distance √Σ gap² from the point where all are best. Shorter is better. Runs that were not told f* take it from the others here.",
    csv: { header: ["run", "step", ...metrics], rows: [] },
  };
  const table = runs.flatMap((run) => {
    const row = lastEval(run);
    if (row === undefined) return [];
    return [
      {
        run,
        step: row.step,
        values: [...allObjectives(runs).map((name) => gap(run, row, name)), idealDistance(run, row)],
      },
    ];
  });
  const shown = table.filter(({ values }) => values.some(Number.isFinite));
  if (shown.length === 0) {
    return {
      ...figure,
      missing:
        "The optima f* are not known to these runs, or nothing was evaluated: give policy optima (outright train on each objective alone) to see gaps.",
    };
  }
  figure.csv.rows = table.map(({ run, step, values }) => [run.name, step, ...values]);
  const longest = Math.max(...shown.map(({ run }) => run.name.length));
  const panels = metrics.map((metric, m) => {
    const bars = shown.map(({ run, values }) => ({ run, name: run.name, value: values[m]! }));
    const known = bars.filter((bar) => Number.isFinite(bar.value));
    const high = Math.max(0, ...known.map((bar) => bar.value));
    const low = Math.min(0, ...known.map((bar) => bar.value));
    const air = (high - low || 1) * 0.22;
    const frame = {
      width: 345,
      height: 52 + 24 * shown.length,
      marginLeft: Math.min(170, longest * 6.3 + 22),
      marginTop: 30,
      marginBottom: 8,
      x: { domain: [low < 0 ? low - air : 0, high + air], axis: null },
      y: { domain: shown.map(({ run }) => run.name), label: null, tickSize: 0, padding: 0.25 },
    };
    return chart(`${metric} of each run`, {
      ...frame,
      marks: [
        ...known.map((bar) =>
          Plot.barX([bar], { x: "value", y: "name", fill: looks.get(bar.run)!.color, fillOpacity: 0.85 }),
        ),
        Plot.ruleX([0]),
        Plot.text(bars, {
          x: (b: { value: number }) => (Number.isFinite(b.value) ? Math.max(0, b.value) : 0),
          y: "name",
          text: (b: { value: number }) =>
            Number.isFinite(b.value) ? b.value.toFixed(3).replace("-", "−") : "not known",
          dx: 5,
          textAnchor: "start",
          fill: "currentColor",
          fontVariant: "tabular-nums",
          ...HALO,
        }),
        Plot.text([metric], { frameAnchor: "top-left", dy: -20, fontWeight: 600, fontSize: 12 }),
      ],
    });
  });
  return { ...figure, picture: { columns: 3, cells: panels.map((panel) => ({ charts: [panel] })) } };
}
