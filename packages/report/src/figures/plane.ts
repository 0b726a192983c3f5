/** The paths in the loss plane: held-out loss of one objective against the other's, one curve a run. */
import { lossLabel, lossTitle, optimaOf, planeAxes } from "../facts.js";
import type { Run } from "../run.js";
import { type Figure, type FigureInput, lossAxis, WIDE } from "./figure.js";
import { drawable, type PathPoint, planePaths } from "./plane-paths.js";

export function plane({ runs, looks }: FigureInput): Figure {
  const axes = planeAxes(runs);
  const figure: Figure = {
    id: "plane",
    title: "Paths in the loss plane",
    caption:
      "Each curve is one run, a point per evaluation on held-out rows: from the hollow ring (start) along the arrow to the " +
      "large filled mark (end). Lower left is better; going back up or right is forgetting.",
    csv: { header: ["run", "step", axes?.[0] ?? "x", axes?.[1] ?? "y"], rows: [] },
  };
  if (axes === undefined)
    return { ...figure, missing: "The loss plane needs two objectives; these runs have one." };
  const [xName, yName] = axes;
  const paths = runs
    .map((run) => ({ run, points: pathOf(run, xName, yName) }))
    .filter(({ points }) => points.some(drawable));
  if (paths.length === 0) {
    return {
      ...figure,
      missing:
        "No evaluation in these runs tells both losses; set evaluate.every (and rows to hold out) to see the paths.",
    };
  }
  figure.csv.rows = paths.flatMap(({ run, points }) => points.map((p) => [run.name, p.step, p.x, p.y]));

  const [xOptima, yOptima] = [optimaOf(runs, xName), optimaOf(runs, yName)];
  const shown = paths.flatMap(({ points }) => points.filter(drawable));
  const xAxis = lossAxis([...shown.map((p) => p.x), ...xOptima]);
  const yAxis = lossAxis([...shown.map((p) => p.y), ...yOptima]);
  const drawn = planePaths(
    `Held-out ${lossTitle(runs, xName)} and ${lossTitle(runs, yName)} losses of ${runs.length} runs as paths`,
    paths.map(({ run, points }) => ({ name: run.name, look: looks.get(run)!, points })),
    {
      width: WIDE,
      height: 560,
      x: { objective: xName, label: `${lossLabel(runs, xName)}, held out`, scale: xAxis, optima: xOptima },
      y: { objective: yName, label: `${lossLabel(runs, yName)}, held out`, scale: yAxis, optima: yOptima },
    },
  );
  return { ...figure, picture: { columns: 1, cells: [{ charts: [drawn] }] } };
}

function pathOf(run: Run, xName: string, yName: string): PathPoint[] {
  return run.evals.map((row) => ({
    step: row.step,
    x: row.losses[xName] ?? Number.NaN,
    y: row.losses[yName] ?? Number.NaN,
  }));
}
