/** The paper's Figure 2: where each method goes in the plane of parameters, over the contours of both losses. */
import * as Plot from "@observablehq/plot";
import { chart, type Scales, scales } from "../chart.js";
import { type Figure, HALF, HALO } from "../figures/figure.js";
import { along } from "../figures/plane-ground.js";
import { ARROW } from "../figures/plane-paths.js";
import { DPO, drawMarks, marksOf, SFT } from "./marks.js";
import { named, type Place, type Theory } from "./read.js";

const MARGIN = { marginLeft: 46, marginRight: 8, marginTop: 26, marginBottom: 36 };
const LEVELS = 7;
const METHODS: [method: string, title: string][] = [
  ["sequential", "Sequential: forgets what came first"],
  ["mix", "Mix: both gradients in every step"],
  ["alright", "ALRIGHT: a coin picks the loss of each step"],
  ["maxright", "MAXRIGHT: the loss with the larger weighted gap"],
];

export function pathsFigure(theory: Theory): Figure {
  const levels = { sft: contourLevels(theory.grid.sft), dpo: contourLevels(theory.grid.dpo) };
  const panels = METHODS.map(([method, title]) => panel(theory, method, title, levels));
  const told = (list: number[]): string =>
    list.map((level) => String(Number(level.toPrecision(2)))).join(", ");
  return {
    id: "paths",
    title: "Paths of the methods in the plane of parameters",
    caption:
      `Thin lines are contours: SFT full and blue around its square, DPO dashed and orange around its triangle, where the loss is above its least by ${told(levels.sft)} nats (SFT) ` +
      `and ${told(levels.dpo)} (DPO). The broad grey band holds all Pareto-optimal points: there no loss can fall unless the other rises. ` +
      "Each path leads from the ring along its arrows to the black dot. Sequential ends at the optimum of its last loss; Mix and ALRIGHT go to the optimum of the " +
      `mixture, lambda = ${theory.instance.lambda}; MAXRIGHT to the point where the larger weighted gap is least. Steps are ${theory.pathStepScale.toPrecision(2)} / √t.`,
    picture: { columns: 2, cells: panels.map((svg) => ({ charts: [svg] })) },
    csv: {
      header: ["method", "step", "theta 1", "theta 2", "SFT gap", "DPO gap", "mixture gap"],
      rows: [
        ...theory.paths.flatMap((path) => path.points.map((p) => [named(path), p.step, ...numbers(p)])),
        ...marksOf(theory).map(({ text, place }) => [text, undefined, ...numbers(place)]),
        ...theory.front.map((p) => [`Pareto, DPO weight ${p.weight}`, undefined, ...numbers(p)]),
      ],
    },
  };
}

const numbers = (p: Place): number[] => [p.x, p.y, p.sftGap, p.dpoGap, p.mixtureGap];

/** Of a bowl, levels that grow as squares are evenly spaced. */
function contourLevels(values: number[]): number[] {
  const unit = Math.max(...values) / (LEVELS + 0.5) ** 2;
  return Array.from({ length: LEVELS }, (_, i) => unit * (i + 0.5) ** 2);
}

function panel(
  theory: Theory,
  method: string,
  title: string,
  levels: { sft: number[]; dpo: number[] },
): string {
  const { grid } = theory;
  const room = HALF - MARGIN.marginLeft - MARGIN.marginRight;
  const height = Math.round((room * (grid.y[1] - grid.y[0])) / (grid.x[1] - grid.x[0]));
  const frame = {
    ...MARGIN,
    width: HALF,
    height: height + MARGIN.marginTop + MARGIN.marginBottom,
    x: { domain: seen(grid.x, grid.columns), label: "θ₁ →", ticks: 6 },
    y: { domain: seen(grid.y, grid.rows), label: "θ₂ →", labelAnchor: "center" as const, ticks: 6 },
  };
  const at = scales({ ...frame, marks: [] });
  const bounds = {
    left: MARGIN.marginLeft + 2,
    right: HALF - MARGIN.marginRight,
    top: MARGIN.marginTop + 2,
    bottom: MARGIN.marginTop + height,
  };
  const paths = theory.paths.filter((path) => path.method === method);
  const drawn = paths.flatMap(({ points }) => along(pixels(points, at)));
  const band = along(pixels(theory.front, at));
  const contour = (values: number[], thresholds: number[], stroke: string, dash: string) =>
    Plot.contour(values, {
      ...{ width: grid.columns, height: grid.rows, value: (v: number) => v, thresholds, clip: true },
      ...{ x1: grid.x[0], x2: grid.x[1], y1: grid.y[0], y2: grid.y[1] },
      ...{ stroke, strokeWidth: 1, strokeOpacity: 0.6, strokeDasharray: dash },
    });
  const marks: Plot.Markish[] = [
    contour(grid.sft, levels.sft, SFT, "none"),
    contour(grid.dpo, levels.dpo, DPO, "5 3"),
    Plot.line(theory.front, {
      x: "x",
      y: "y",
      stroke: "var(--band)",
      strokeWidth: 9,
      strokeLinecap: "round",
    }),
    ...paths.flatMap(({ points }, i) => [
      Plot.line(points, { x: "x", y: "y", stroke: "var(--paper)", strokeWidth: 4, strokeOpacity: 0.7 }),
      Plot.line(points, {
        x: "x",
        y: "y",
        stroke: "currentColor",
        strokeWidth: 1.8,
        strokeDasharray: DASHES[i]!,
      }),
      ...arrowHeads(points, at),
    ]),
    ...drawMarks(marksOf(theory), at, (p) => [p.x, p.y], bounds, [...drawn, ...band]),
    ...paths.map(({ points }) =>
      Plot.dot([points.at(-1)!], { x: "x", y: "y", r: 2.8, fill: "currentColor", stroke: "var(--paper)" }),
    ),
    Plot.text([title], { frameAnchor: "top-left", dx: 0, dy: -20, fontWeight: 600, fontSize: 12.5 }),
    Plot.frame({ stroke: "var(--faint)" }),
  ];
  if (paths.length > 1) marks.push(...pathNames(paths, at));
  return chart(`${title}: path over the contours of both losses`, { ...frame, marks });
}

/** Contours close along the grid's edge; one cell less on each side, and that is not seen. */
function seen([low, high]: [number, number], count: number): [number, number] {
  const cell = (high - low) / (count - 1);
  return [low + cell, high - cell];
}

const DASHES = ["none", "8 4"];

const pixels = (points: Place[], at: Scales): { x: number; y: number }[] =>
  points.map((p) => ({ x: at.x(p.x), y: at.y(p.y) }));

/** Where the panel has several paths, each is named along its first stage, on the side that is away from the others. */
function pathNames(paths: Theory["paths"], at: Scales): Plot.Markish[] {
  const middles = paths.map(({ points, steps }) => {
    return halfway(
      points.filter(({ step }) => step <= steps / 2),
      at,
      0.62,
    ).point;
  });
  return paths.map((path, i) => {
    const { x, y } = middles[i]!;
    const isLeft = middles.every((other, j) => j === i || x < other.x);
    return Plot.text([named(path)], {
      ...{ x, y, dx: isLeft ? -12 : 12, textAnchor: isLeft ? ("end" as const) : ("start" as const) },
      ...{ fontSize: 11, fontWeight: 600, fill: "currentColor", ...HALO },
    });
  });
}

/** Two arrow heads, on either half of the way. */
function arrowHeads(points: Place[], at: Scales): Plot.Markish[] {
  return [0.22, 0.72].map((share) => {
    const { point, direction } = halfway(points, at, share);
    const rotate = (Math.atan2(direction.x, -direction.y) * 180) / Math.PI;
    return Plot.vector([0], {
      ...{ x: point.x, y: point.y, rotate, length: 12, strokeWidth: 2.2, stroke: "currentColor" },
      ...{ shape: ARROW, anchor: "middle" },
    });
  });
}

/** Steps to and fro that are shorter than this, in pixels, do not count as way. */
const COARSE = 14;

/** The point after this share of a path's length, and the direction there, in pixels. */
function halfway(
  points: Place[],
  at: Scales,
  share: number,
): { point: Place; direction: { x: number; y: number } } {
  const way: { place: Place; x: number; y: number }[] = [];
  for (const place of points) {
    const [x, y] = [at.x(place.x), at.y(place.y)];
    const last = way.at(-1);
    if (last === undefined || Math.hypot(x - last.x, y - last.y) >= COARSE) way.push({ place, x, y });
  }
  if (way.length < 2) return { point: points[0]!, direction: { x: 0, y: 1 } };
  const lengths = way.slice(1).map((p, i) => Math.hypot(p.x - way[i]!.x, p.y - way[i]!.y));
  let left = share * lengths.reduce((sum, length) => sum + length, 0);
  let i = 0;
  while (i < lengths.length - 1 && left > lengths[i]!) left -= lengths[i++]!;
  const [a, b] = [way[i]!, way[i + 1]!];
  return { point: b.place, direction: { x: b.x - a.x, y: b.y - a.y } };
}
