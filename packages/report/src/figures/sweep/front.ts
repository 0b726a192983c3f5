/** Pareto fronts: where each method ends in the loss plane, a point for each λ, with 95 % intervals in both directions. */
import * as Plot from "@observablehq/plot";
import { chart, type Scales } from "../../chart.js";
import { title } from "../../facts.js";
import { labelBox, placeLabels, placeNotes } from "../../labels.js";
import { axesOf, compared, otherKs, seedsNote } from "../../sweep/choose.js";
import type { Interval, Spread, SweepCurve } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import type { CurveLook } from "../../sweep/look.js";
import { type Figure, HALF, HALO, lossAxis, MUTED, WIDE } from "../figure.js";
import { along, ground, type PlaneFrame } from "../plane-ground.js";
import type { SweepInput } from "./input.js";
import { lossName } from "./names.js";

export type Slice = "heldout" | "train";

interface FrontPoint {
  lambda: number | null;
  x: Interval;
  y: Interval;
}

interface Front {
  name: string;
  look: CurveLook;
  points: FrontPoint[];
}

/** A model that is no point of a front: the base, or one trained on a single objective. */
interface Landmark {
  name: string;
  x: number;
  y: number;
}

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

function frontChart(
  label: string,
  fronts: Front[],
  marks: Landmark[],
  frame: PlaneFrame,
  isNamed = true,
): string {
  const inFrame = marks.filter(({ x, y }) => inside(x, frame.x) && inside(y, frame.y));
  const pixels = (at: Scales, points: FrontPoint[]): { x: number; y: number }[] =>
    points.map((p) => ({ x: at.x(p.x.mean), y: at.y(p.y.mean) }));
  const curves = (at: Scales): { x: number; y: number }[] =>
    fronts.flatMap(({ points }) => [
      ...along(pixels(at, points)),
      ...points.flatMap((p) => [
        ...along([
          { x: at.x(cut(p.x.low, frame.x)), y: at.y(p.y.mean) },
          { x: at.x(cut(p.x.high, frame.x)), y: at.y(p.y.mean) },
        ]),
        ...along([
          { x: at.x(p.x.mean), y: at.y(cut(p.y.low, frame.y)) },
          { x: at.x(p.x.mean), y: at.y(cut(p.y.high, frame.y)) },
        ]),
      ]),
    ]);
  const { options, at, bounds, ideal, marks: under, blocked } = ground(frame, curves);
  const all = fronts.flatMap(({ points }) => pixels(at, points));
  const keepFree = [...all, ...(ideal ? [{ x: at.x(ideal.x), y: at.y(ideal.y) }] : [])];

  const anchors = [
    ...(isNamed ? fronts : []).map(({ name, look, points }) => {
      const own = pixels(at, points);
      const others = all.filter((p) => !own.some((q) => q.x === p.x && q.y === p.y));
      return { ...loneliest(own, others), text: name, color: look.color };
    }),
    ...inFrame.map(({ name, x, y }) => ({ x: at.x(x), y: at.y(y), text: name, color: "currentColor" })),
  ];
  const places = placeLabels(anchors, bounds, keepFree, curves(at), blocked);
  const taken = [...blocked, ...anchors.map((anchor, i) => labelBox(anchor, places[i]!))];
  const notes = (isNamed ? fronts : []).flatMap(({ look, points }) =>
    points.flatMap((p, i) =>
      p.lambda === null ? [] : [{ ...pixels(at, points)[i]!, text: `${p.lambda}`, color: look.color }],
    ),
  );
  const notePlaces = placeNotes(notes, bounds, keepFree, taken);

  const drawn: Plot.Markish[] = [...under];
  drawn.push(
    Plot.dot(inFrame, {
      x: "x",
      y: "y",
      r: 6,
      symbol: ({ name }: Landmark) => (name === "base model" ? "circle" : "hexagon"),
      stroke: "currentColor",
      strokeWidth: 2,
    }),
  );
  for (const { name, look, points } of fronts) drawn.push(...frontMarks(name, look, points, frame));
  for (const [i, anchor] of anchors.entries()) {
    const { dx, dy, align } = places[i]!;
    const row = { x: at.fromX(anchor.x), y: at.fromY(anchor.y) };
    if (Math.abs(dy) > 9) {
      const leader = { ...row, x2: at.fromX(anchor.x + dx), y2: at.fromY(anchor.y + dy) };
      drawn.push(
        Plot.link([leader], { x1: "x", y1: "y", x2: "x2", y2: "y2", stroke: anchor.color, strokeWidth: 0.8 }),
      );
    }
    drawn.push(
      Plot.text([row], {
        x: "x",
        y: "y",
        text: () => anchor.text,
        dx,
        dy,
        textAnchor: align,
        fill: anchor.color,
        fontWeight: 600,
        fontSize: 11,
        ...HALO,
      }),
    );
  }
  for (const [i, note] of notes.entries()) {
    const place = notePlaces[i];
    if (place === undefined) continue;
    drawn.push(
      Plot.text([{ x: at.fromX(note.x), y: at.fromY(note.y) }], {
        x: "x",
        y: "y",
        text: () => note.text,
        dx: place.dx,
        dy: place.dy,
        textAnchor: place.align,
        fill: MUTED,
        fontSize: 10,
        ...HALO,
      }),
    );
  }
  return chart(label, { ...options, marks: drawn });
}

function frontMarks(name: string, look: CurveLook, points: FrontPoint[], frame: PlaneFrame): Plot.Markish[] {
  const x = (p: FrontPoint): number => p.x.mean;
  const y = (p: FrontPoint): number => p.y.mean;
  const { color, dash, symbol } = look;
  const seeded = points.filter((p) => p.x.n > 1 || p.y.n > 1);
  return [
    Plot.line(points, { x, y, stroke: color, strokeWidth: 1.6, strokeDasharray: dash, strokeOpacity: 0.85 }),
    Plot.link(seeded, {
      x1: (p: FrontPoint) => cut(p.x.low, frame.x),
      x2: (p: FrontPoint) => cut(p.x.high, frame.x),
      y1: y,
      y2: y,
      stroke: color,
      strokeWidth: 1,
    }),
    Plot.link(seeded, {
      x1: x,
      x2: x,
      y1: (p: FrontPoint) => cut(p.y.low, frame.y),
      y2: (p: FrontPoint) => cut(p.y.high, frame.y),
      stroke: color,
      strokeWidth: 1,
    }),
    Plot.dot(points, {
      x,
      y,
      symbol,
      r: 5,
      fill: color,
      stroke: "var(--paper)",
      strokeWidth: 0.8,
      title: (p: FrontPoint) => `${name}, λ = ${p.lambda}: (${p.x.mean.toFixed(4)}, ${p.y.mean.toFixed(4)})`,
    }),
  ];
}

const inside = (value: number, { scale: { domain } }: PlaneFrame["x"]): boolean =>
  value >= domain[0] && value <= domain[1];
const cut = (value: number, { scale: { domain } }: PlaneFrame["x"]): number =>
  Math.min(domain[1], Math.max(domain[0], value));

/** The point of a front that is farthest from all others: there its name is told best. */
function loneliest(
  own: { x: number; y: number }[],
  others: { x: number; y: number }[],
): { x: number; y: number } {
  const far = (p: { x: number; y: number }): number =>
    Math.min(1e9, ...others.map((q) => Math.hypot(p.x - q.x, p.y - q.y)));
  return own.reduce((best, p) => (far(p) > far(best) ? p : best));
}
