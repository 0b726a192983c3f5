/** Losses over steps: for each objective a panel of held-out losses and one of training losses, all runs in each. */
import type { Cell } from "../csv.js";
import { allObjectives, lossLabel, lossTitle, optimaOf } from "../facts.js";
import type { PictureCell } from "../picture.js";
import { binned, heldOutLoss, MAX_POINTS, type Point, trainingLoss } from "../series.js";
import { curvePanel } from "./curves.js";
import { type Figure, type FigureInput, lossAxis } from "./figure.js";

export function losses({ runs, looks }: FigureInput): Figure {
  const figure: Figure = {
    id: "losses",
    title: "Losses over steps",
    caption: `Left: held-out rows. Right: the batches a run trained on; a sequential run has no curve while the other objective trains. Runs of more than ${MAX_POINTS} steps are drawn as means over equal stretches.`,
    csv: { header: ["objective", "on", "run", "step", "loss"], rows: [] },
  };
  const xDomain: [number, number] = [0, lastStep(runs)];
  const panels: PictureCell[] = [];
  for (const name of allObjectives(runs)) {
    const sides = [
      { on: "held out", dots: true, of: heldOutLoss },
      {
        on: "training",
        dots: false,
        of: (run: (typeof runs)[number], o: string): Point[] => binned(trainingLoss(run, o)),
      },
    ].map(({ on, dots, of }) => ({
      on,
      curves: runs
        .map((run) => ({ name: run.name, look: looks.get(run)!, points: of(run, name), dots }))
        .filter(({ points }) => points.some((p) => Number.isFinite(p.value))),
    }));
    const optima = optimaOf(runs, name);
    const values = sides.flatMap(({ curves }) => curves.flatMap(({ points }) => points.map((p) => p.value)));
    const y = lossAxis([...values, ...optima]);
    for (const { on, curves } of sides) {
      if (curves.length === 0) {
        panels.push({ title: `${lossTitle(runs, name)}: no ${on} losses in these runs.`, charts: [] });
        continue;
      }
      figure.csv.rows.push(
        ...curves.flatMap((c) =>
          c.points.map((p): Cell[] => [name, on, c.name, p.step, Number(p.value.toPrecision(8))]),
        ),
      );
      panels.push({
        charts: [
          curvePanel(curves, {
            label: `${lossTitle(runs, name)} losses over steps, ${on}`,
            xDomain,
            y,
            yLabel: `↑ ${lossLabel(runs, name)}, ${on}`,
            optima,
          }),
        ],
      });
    }
  }
  if (figure.csv.rows.length === 0) return { ...figure, missing: "These runs have no losses yet." };
  return { ...figure, picture: { columns: 2, cells: panels } };
}

export const lastStep = (runs: FigureInput["runs"]): number =>
  Math.max(1, ...runs.map((run) => Math.max(run.steps.at(-1)?.step ?? 0, run.evals.at(-1)?.step ?? 0)));
