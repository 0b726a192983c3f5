/** Pareto fronts: where each method ends in the loss plane, a point for each λ, with 95 % intervals in both directions. */
import { title } from "../../facts.js";
import { axesOf, compared, otherKs, seedsNote } from "../../sweep/choose.js";
import type { Spread, SweepCurve } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import { type Figure, HALF, lossAxis, WIDE } from "../figure.js";
import type { PlaneFrame } from "../plane-ground.js";
import { type Front, type FrontPoint, frontChart, type Landmark } from "./front-chart.js";
import type { SweepInput } from "./input.js";
import { lossName } from "./names.js";

export type Slice = "heldout" | "train";

export function front(input: SweepInput): Figure {
  const { summary } = input.sweep;
  const axes = axesOf(summary);
  const figure: Figure = {
    id: "front",
    title: "Pareto fronts",
    caption:
      `Where each method ends in the plane of held-out losses, a mark for each λ (small numbers; λ weighs ${title(axes?.[1] ?? "DPO")}). Lower left is better: a front nearer to the ` +
      `ideal point offers better trades. ${seedsNote(summary)}${otherKs(summary)}`,
    csv: {
      header: ["method", "lambda", ...frontNames(axes)],
      rows: frontCells(summary.curves, axes, "heldout"),
    },
  };
  if (axes === undefined)
    return { ...figure, missing: "The loss plane needs two objectives; this sweep has one." };
  const fronts = frontsOf(input, axes, "heldout");
  if (fronts.length === 0)
    return { ...figure, missing: "No method with a λ has ended yet, so there is no front." };
  const frame = frameOf(input, axes, "heldout", fronts, WIDE, 600);
  const drawn = frontChart(
    "Held-out losses of each method and lambda",
    fronts,
    landmarks(input, axes),
    frame,
  );
  return { ...figure, picture: { columns: 1, cells: [{ charts: [drawn] }] } };
}

/** The whole plane, with the base model and the single objectives; beside it the fronts on training rows. */
export function frontWhole(input: SweepInput): Figure {
  const { summary } = input.sweep;
  const axes = axesOf(summary);
  const marks = axes === undefined ? [] : landmarks(input, axes);
  const figure: Figure = {
    id: "front-whole",
    title: "The whole plane, and the training rows",
    caption:
      "The same fronts with the model that all runs start from and those trained on one objective alone; where training rows were measured, beside it the fronts on these, as the paper draws them.",
    csv: {
      header: ["what", "lambda", "rows", ...frontNames(axes)],
      rows: [
        ...marks.map(({ name, x, y }) => [
          name,
          undefined,
          "held out",
          x,
          x,
          x,
          undefined,
          y,
          y,
          y,
          undefined,
        ]),
        ...frontCells(summary.curves, axes, "train").map(([name, lambda, ...rest]) => [
          name,
          lambda,
          "training",
          ...rest,
        ]),
      ],
    },
  };
  if (axes === undefined)
    return { ...figure, missing: "The loss plane needs two objectives; this sweep has one." };
  const fronts = frontsOf(input, axes, "heldout");
  if (fronts.length + marks.length === 0) return { ...figure, missing: "No run has ended yet." };
  const whole = frameOf(input, axes, "heldout", fronts, HALF, 420, marks);
  const charts = [
    {
      title: "Held out, with base model and single objectives",
      charts: [frontChart("The whole plane of held-out losses", fronts, marks, whole, false)],
    },
  ];
  const trained = frontsOf(input, axes, "train");
  if (trained.length > 0) {
    const frame = frameOf(input, axes, "train", trained, HALF, 420);
    charts.push({
      title: "On training rows",
      charts: [frontChart("Losses on training rows of each method and lambda", trained, [], frame)],
    });
  }
  return { ...figure, picture: { columns: 2, cells: charts } };
}

const frontNames = (axes: [string, string] | undefined): string[] =>
  (axes ?? ["x", "y"]).flatMap((name) => cellNames(`${title(name)} loss`));

function frontCells(
  curves: SweepCurve[],
  axes: [string, string] | undefined,
  slice: Slice,
): (string | number | undefined)[][] {
  return curves.flatMap(({ label, points }) =>
    points.flatMap((point) => {
      const spread = point[slice];
      if (spread == null || axes === undefined) return [];
      return [[label, point.lambda ?? undefined, ...axes.flatMap((name) => cells(spread.losses[name]))]];
    }),
  );
}

export function frontsOf({ sweep, looks }: SweepInput, [x, y]: [string, string], slice: Slice): Front[] {
  return compared(sweep.summary).flatMap(({ curve, label, points }) => {
    const drawn = [...points]
      .sort((a, b) => (a.lambda ?? 0) - (b.lambda ?? 0))
      .flatMap((point): FrontPoint[] => {
        const losses: Spread["losses"] = point[slice]?.losses ?? {};
        const [px, py] = [known(losses[x]), known(losses[y])];
        return px === undefined || py === undefined ? [] : [{ lambda: point.lambda, x: px, y: py }];
      });
    return drawn.length === 0 ? [] : [{ name: label, look: looks.get(curve)!, points: drawn }];
  });
}

export function landmarks({ sweep }: SweepInput, [x, y]: [string, string]): Landmark[] {
  const { base, curves } = sweep.summary;
  const singles = curves
    .filter(({ method }) => method === "single")
    .flatMap(({ label, points }) =>
      points.map(({ heldout }) => ({
        name: label,
        x: known(heldout.losses[x])?.mean ?? Number.NaN,
        y: known(heldout.losses[y])?.mean ?? Number.NaN,
      })),
    );
  return [
    { name: "base model", x: base.heldout?.[x] ?? Number.NaN, y: base.heldout?.[y] ?? Number.NaN },
    ...singles,
  ].filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));
}

function frameOf(
  { sweep: { summary } }: SweepInput,
  axes: [string, string],
  slice: Slice,
  fronts: Front[],
  width: number,
  height: number,
  marks: Landmark[] = [],
): PlaneFrame {
  const axis = (i: 0 | 1): PlaneFrame["x"] => {
    const objective = axes[i];
    const of = i === 0 ? "x" : "y";
    const means = fronts.flatMap(({ points }) => points.map((p) => p[of].mean));
    // Intervals of few seeds can be far wider than all means: the frame is not squeezed for them.
    const room = 0.25 * (Math.max(...means) - Math.min(...means) || 0.1);
    const ends = fronts.flatMap(({ points }) =>
      points.flatMap((p) => [
        Math.max(p[of].low, Math.min(...means) - room),
        Math.min(p[of].high, Math.max(...means) + room),
      ]),
    );
    const best = summary.optima?.[slice]?.[objective];
    const optima = typeof best === "number" && Number.isFinite(best) ? [best] : [];
    return {
      objective,
      label: `${lossName(summary, objective)}, ${slice === "heldout" ? "held out" : "training rows"}`,
      scale: lossAxis([...ends, ...optima, ...marks.map((p) => p[of])]),
      optima,
    };
  };
  return { width, height, x: axis(0), y: axis(1) };
}
