/** How the methods go through the loss plane, one picture for each λ. */
import { title } from "../../facts.js";
import type { Run } from "../../run.js";
import { axesOf, compared, lambdaName, otherKs, runsAt } from "../../sweep/choose.js";
import { meanRun } from "../../sweep/mean-run.js";
import { type Figure, HALF, lossAxis, WIDE } from "../figure.js";
import { drawable, type Path, type PathPoint, planePaths } from "../plane-paths.js";
import type { SweepInput } from "./input.js";
import { lossName } from "./names.js";

export function trajectories(input: SweepInput): Figure {
  const { sweep, looks } = input;
  const { summary } = sweep;
  const axes = axesOf(summary);
  const figure: Figure = {
    id: "trajectories",
    title: "Paths in the loss plane",
    caption:
      "Each thick curve is a method's mean path over its seeds (thin ones), a point for each evaluation on held-out rows: from the hollow ring (start) along the arrow to the large mark (end). " +
      `Lower left is better; going back up or right is forgetting. All pictures have the same axes.${otherKs(summary)}`,
    csv: {
      header: ["method", "lambda", "seed", "step", title(axes?.[0] ?? "x"), title(axes?.[1] ?? "y")],
      rows: [],
    },
  };
  if (axes === undefined)
    return { ...figure, missing: "The loss plane needs two objectives; this sweep has one." };
  const point = (run: Run): PathPoint[] =>
    run.evals.map((row) => ({
      step: row.step,
      x: row.losses[axes[0]] ?? Number.NaN,
      y: row.losses[axes[1]] ?? Number.NaN,
    }));
  for (const row of sweep.rows) {
    const run = sweep.runs.get(row.id);
    if (run === undefined || row.status !== "finished") continue;
    figure.csv.rows.push(
      ...point(run).map((p) => [row.label, row.lambda ?? undefined, row.seed, p.step, p.x, p.y]),
    );
  }
  const pictures = summary.lambdas.flatMap((lambda) => {
    const paths = compared(summary).flatMap(({ curve, label }): Path[] => {
      const runs = runsAt(sweep, curve, lambda).filter((run) => point(run).some(drawable));
      if (runs.length === 0) return [];
      const faint = runs.length > 1 ? runs.map(point) : [];
      return [{ name: label, look: looks.get(curve)!, points: point(meanRun(runs, label)), faint }];
    });
    return paths.length === 0 ? [] : [{ lambda, paths }];
  });
  if (pictures.length === 0)
    return {
      ...figure,
      missing: "No run of a method with a λ told its evaluations; set evaluate.every to see the paths.",
    };
  const points = pictures.flatMap(({ paths }) =>
    paths.flatMap((path) => [...path.points, ...path.faint!.flat()]),
  );
  const axis = (i: 0 | 1) => {
    const objective = axes[i];
    const best = summary.optima?.heldout?.[objective];
    const optima = typeof best === "number" && Number.isFinite(best) ? [best] : [];
    return {
      objective,
      label: `${lossName(summary, objective)}, held out`,
      scale: lossAxis([...points.map((p) => (i === 0 ? p.x : p.y)), ...optima]),
      optima,
    };
  };
  const frame = { width: HALF, height: 400, x: axis(0), y: axis(1) };
  const isOne = pictures.length === 1;
  return {
    ...figure,
    picture: {
      columns: isOne ? 1 : 2,
      cells: pictures.map(({ lambda, paths }) => ({
        title: lambdaName(lambda),
        charts: [
          planePaths(
            `Paths of ${paths.length} methods in the plane of held-out losses at lambda ${lambda}`,
            paths,
            isOne ? { ...frame, width: WIDE, height: 560 } : frame,
          ),
        ],
      })),
    },
  };
}
