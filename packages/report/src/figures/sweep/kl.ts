/** How far the model moves from its base on each text, over time: a meter of forgetting. */
import { title } from "../../facts.js";
import { compared, middleLambda, otherKs, runsAt } from "../../sweep/choose.js";
import { meanRun } from "../../sweep/mean-run.js";
import { type Curve, curvePanel } from "../curves.js";
import { type Figure, padded } from "../figure.js";
import type { SweepInput } from "./input.js";

export function kl({ sweep, looks }: SweepInput): Figure {
  const { summary } = sweep;
  const lambda = middleLambda(summary);
  const figure: Figure = {
    id: "kl",
    title: `KL from the base model${lambda === undefined ? "" : ` at λ = ${lambda}`}`,
    caption: `How far the trained model's next-token distribution is from the base model's on each text, means over seeds: what it has moved away from what it knew.${otherKs(summary)}`,
    csv: { header: ["text", "method", "lambda", "seed", "step", "kl (nats per token)"], rows: [] },
  };
  const told = sweep.rows.flatMap((row) => {
    const run = sweep.runs.get(row.id);
    return run === undefined || row.status !== "finished" ? [] : [{ row, run }];
  });
  const names = [...new Set(told.flatMap(({ run }) => run.evals.flatMap((e) => Object.keys(e.kl))))];
  if (names.length === 0 || lambda === undefined)
    return { ...figure, missing: "These runs did not measure the KL from the base model." };
  figure.csv.rows = names.flatMap((name) =>
    told.flatMap(({ row, run }) =>
      run.evals
        .filter((e) => e.kl[name] !== undefined)
        .map((e) => [name, row.label, row.lambda ?? undefined, row.seed, e.step, e.kl[name]]),
    ),
  );
  const cells = names.map((name) => {
    const curves = compared(summary).flatMap(({ curve, label }): Curve[] => {
      const runs = runsAt(sweep, curve, lambda);
      if (runs.length === 0) return [];
      const points = meanRun(runs, label).evals.map((e) => ({
        step: e.step,
        value: e.kl[name] ?? Number.NaN,
      }));
      const isTold = points.some((p) => Number.isFinite(p.value));
      return isTold ? [{ name: label, look: looks.get(curve)!, points, dots: true }] : [];
    });
    const points = curves.flatMap((curve) => curve.points);
    return {
      charts: [
        curvePanel(curves, {
          label: `KL from the base model on ${name} over steps`,
          xDomain: [0, Math.max(1, ...points.map((p) => p.step))],
          y: { type: "linear", domain: padded([0, ...points.map((p) => p.value)]), note: "" },
          yLabel: `↑ KL on ${title(name)} (nats per token)`,
        }),
      ],
    };
  });
  return { ...figure, picture: { columns: 2, cells } };
}
