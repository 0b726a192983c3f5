/**
 * Divergence from the base over steps, KL(base ‖ trained) on held-out tokens, beside the held-out loss of the same
 * objective: what the loss gained, and how far the model had to move for it.
 */
import type { Cell } from "../csv.js";
import { allObjectives, lossLabel, seconds, title } from "../facts.js";
import type { Run } from "../run.js";
import { heldOutLoss, type Point } from "../series.js";
import { type Curve, curvePanel } from "./curves.js";
import { type Figure, type FigureInput, type LossAxis, lossAxis, padded } from "./figure.js";
import { lastStep } from "./losses.js";

export function kl({ runs, looks }: FigureInput): Figure {
  const figure: Figure = {
    id: "kl",
    title: "KL from the base over steps",
    caption: `How far a model went from the weights its run started with: KL(base ‖ trained) in nats per token, at the same held-out tokens each time. It grows where the model no longer gives what the base would have said.${cost(runs)}`,
    html: "",
    csv: { header: ["on", "run", "step", "kl", "held-out loss"], rows: [] },
  };
  const measured = new Set(runs.flatMap((run) => run.evals.flatMap((row) => Object.keys(row.kl))));
  if (measured.size === 0) {
    return {
      ...figure,
      missing: "These runs measured no KL from the base: evaluate.kl is 0, or nothing is held out.",
    };
  }
  const objectives = allObjectives(runs).filter((name) => measured.has(name));
  const others = [...measured].filter((name) => !objectives.includes(name));
  const xDomain: [number, number] = [0, lastStep(runs)];
  const curves = (of: (run: Run) => Point[]): Curve[] =>
    runs
      .map((run) => ({ name: run.name, look: looks.get(run)!, points: of(run), dots: true }))
      .filter(({ points }) => points.some((p) => Number.isFinite(p.value)));
  const panels = [...objectives, ...others].flatMap((name) => {
    const diverged = curves((run) => klOf(run, name));
    const losses = curves((run) => heldOutLoss(run, name));
    for (const run of runs) {
      figure.csv.rows.push(
        ...klOf(run, name).map(({ step, value }): Cell[] => {
          const loss = run.evals.find((row) => row.step === step)?.losses[name];
          return [name, run.name, step, value, loss];
        }),
      );
    }
    const what = objectives.includes(name) ? title(name) : name === "text" ? "plain text" : name;
    const left = curvePanel(diverged, {
      label: `KL from the base over steps, on ${what}`,
      xDomain,
      y: fromZero(diverged),
      yLabel: `↑ KL(base ‖ trained) on ${what} (nats per token)`,
    });
    if (losses.length === 0) return [left];
    const right = curvePanel(losses, {
      label: `${what} losses over the same steps, held out`,
      xDomain,
      y: lossAxis(losses.flatMap(({ points }) => points.map((p) => p.value))),
      yLabel: `↑ ${lossLabel(runs, name)}, held out`,
    });
    return [left, right];
  });
  return { ...figure, html: `<div class="grid">${panels.join("")}</div>` };
}

function klOf(run: Run, name: string): Point[] {
  return run.evals.flatMap((row) => {
    const value = row.kl[name];
    return value === undefined ? [] : [{ step: row.step, value }];
  });
}

/** A run begins at 0, which no log scale shows. */
function fromZero(curves: readonly Curve[]): LossAxis {
  const [, high] = padded([0, ...curves.flatMap(({ points }) => points.map((p) => p.value))]);
  return { type: "linear", domain: [0, high], note: "" };
}

/** " Measuring it took at most 0.7 % of a run's time." */
function cost(runs: readonly Run[]): string {
  const shares = runs.map(
    (run) => run.evals.reduce((sum, row) => sum + (row.klSeconds || 0), 0) / seconds(run),
  );
  const most = Math.max(...shares.filter((share) => share > 0));
  return Number.isFinite(most)
    ? ` Measuring it took at most ${(100 * most).toPrecision(2)} % of a run's time.`
    : "";
}
