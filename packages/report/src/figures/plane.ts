/** The paths in the loss plane: held-out loss of one objective against the other's, one curve a run. */
import * as Plot from "@observablehq/plot";
import { chart, type Scales, scales } from "../chart.js";
import { lossLabel, optimaOf, planeAxes, title } from "../facts.js";
import { type Bounds, freest, placeLabels, textBox } from "../labels.js";
import type { Run } from "../run.js";
import { type Figure, type FigureInput, HALO, lossAxis, MUTED, scaleOf, WIDE } from "./figure.js";

interface PathPoint {
  step: number;
  x: number;
  y: number;
}

export function plane({ runs, looks }: FigureInput): Figure {
  const axes = planeAxes(runs);
  const figure: Figure = {
    id: "plane",
    title: "Paths in the loss plane",
    caption:
      "Each curve is one run, a point per evaluation on held-out rows: from the hollow ring (start) along the arrow to the " +
      "large filled mark (end). Lower left is better; going back up or right is forgetting.",
    html: "",
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
  const drawn = paths.flatMap(({ points }) => points.filter(drawable));
  const xAxis = lossAxis([...drawn.map((p) => p.x), ...xOptima]);
  const yAxis = lossAxis([...drawn.map((p) => p.y), ...yOptima]);
  const ideal = xOptima.length === 1 && yOptima.length === 1 ? { x: xOptima[0]!, y: yOptima[0]! } : undefined;
  const frame = {
    width: WIDE,
    height: 560,
    marginLeft: 56,
    marginBottom: 46,
    marginTop: 30,
    marginRight: 24,
    grid: true,
    x: { ...scaleOf(xAxis, WIDE - 80), label: `${lossLabel(runs, xName)}, held out${xAxis.note} →` },
    y: { ...scaleOf(yAxis, 484), label: `↑ ${lossLabel(runs, yName)}, held out${yAxis.note}` },
  };
  const at = scales({ ...frame, marks: [] });
  const bounds = { left: 60, right: WIDE - 8, top: 20, bottom: 560 - 50 };
  const ends = paths.map(({ run, points }) => ({ run, end: points.findLast(drawable)! }));
  const starts = paths.map(({ points }) => points.find(drawable)!);
  const curves = paths.flatMap(({ points }) =>
    along(points.filter(drawable).map((p) => ({ x: at.x(p.x), y: at.y(p.y) }))),
  );
  const best = optimaLabels([xName, xOptima], [yName, yOptima], at, bounds, curves);
  const names = placeLabels(
    ends.map(({ run, end }) => ({ x: at.x(end.x), y: at.y(end.y), text: run.name })),
    bounds,
    [...starts, ...(ideal ? [ideal] : [])].map((p) => ({ x: at.x(p.x), y: at.y(p.y) })),
    curves,
    best.map(({ box }) => box),
  );

  const marks: Plot.Markish[] = [
    Plot.ruleX(xOptima, { stroke: MUTED, strokeDasharray: "3 3" }),
    Plot.ruleY(yOptima, { stroke: MUTED, strokeDasharray: "3 3" }),
    Plot.text(best, {
      x: ({ box }: RuleLabel) => at.fromX(box.left),
      y: ({ box }: RuleLabel) => at.fromY((box.top + box.bottom) / 2),
      text: "text",
      textAnchor: "start",
      fill: MUTED,
      ...HALO,
    }),
  ];
  if (ideal !== undefined) {
    marks.push(
      Plot.dot([ideal], { x: "x", y: "y", symbol: "times", r: 6, stroke: "currentColor", strokeWidth: 2 }),
      Plot.text([ideal], {
        x: "x",
        y: "y",
        text: () => "ideal point",
        dx: 10,
        dy: 12,
        textAnchor: "start",
        fill: "currentColor",
        ...HALO,
      }),
    );
  }
  for (const { run, points } of paths) {
    const { color, dash, symbol } = looks.get(run)!;
    marks.push(
      Plot.line(points, { x: "x", y: "y", stroke: color, strokeWidth: 1.8, strokeDasharray: dash }),
      Plot.dot(points.slice(1), {
        x: "x",
        y: "y",
        fill: color,
        r: 2.4,
        symbol,
        title: (p: PathPoint) => `${run.name}, step ${p.step}`,
      }),
      ...arrows(points, at).map((a) =>
        Plot.vector([a], {
          x: "x",
          y: "y",
          rotate: a.rotate,
          length: 11,
          strokeWidth: 2,
          stroke: color,
          shape: ARROW,
          anchor: "middle",
        }),
      ),
    );
  }
  for (const [i, { run, end }] of ends.entries()) {
    const { color, symbol } = looks.get(run)!;
    const place = names[i]!;
    if (Math.abs(place.dy) > 9) {
      const leader = { ...end, x2: at.fromX(at.x(end.x) + place.dx), y2: at.fromY(at.y(end.y) + place.dy) };
      marks.push(
        Plot.link([leader], { x1: "x", y1: "y", x2: "x2", y2: "y2", stroke: color, strokeWidth: 0.8 }),
      );
    }
    marks.push(
      Plot.dot([end], {
        x: "x",
        y: "y",
        symbol,
        r: 6.5,
        fill: color,
        stroke: "var(--paper)",
        strokeWidth: 1.2,
        title: () => `${run.name}, step ${end.step}: (${end.x.toFixed(4)}, ${end.y.toFixed(4)})`,
      }),
      Plot.text([end], {
        x: "x",
        y: "y",
        text: () => run.name,
        dx: place.dx,
        dy: place.dy,
        textAnchor: place.align,
        fill: color,
        fontWeight: 600,
        fontSize: 11,
        ...HALO,
      }),
    );
  }
  marks.push(Plot.dot(starts, { x: "x", y: "y", r: 7, stroke: "currentColor", strokeWidth: 2 }));
  figure.html = chart(`Held-out ${title(xName)} and ${title(yName)} losses of ${runs.length} runs as paths`, {
    ...frame,
    marks,
  });
  return figure;
}

interface RuleLabel {
  text: string;
  box: Bounds;
}

/** Words beside the lines of the optima, where they cover as little of the curves as can be. */
function optimaLabels(
  [xName, xOptima]: [string, number[]],
  [yName, yOptima]: [string, number[]],
  at: Scales,
  bounds: Bounds,
  curves: { x: number; y: number }[],
): RuleLabel[] {
  const steps = (from: number, to: number): number[] =>
    Array.from(
      { length: 1 + Math.floor(Math.abs(to - from) / 20) },
      (_, i) => from + 20 * i * Math.sign(to - from),
    );
  const beside = (text: string, x: number): Bounds[] =>
    steps(bounds.top + 8, bounds.bottom).map((y) => textBox(text, x + 5, y));
  const above = (text: string, y: number): Bounds[] => {
    const { left, right } = textBox(text, 0, y);
    return steps(bounds.right - (right - left), bounds.left).map((x) => textBox(text, x, y - 8));
  };
  return [
    ...xOptima.map((v) => ({ text: `best ${title(xName)} alone`, places: beside, pixel: at.x(v) })),
    ...yOptima.map((v) => ({ text: `best ${title(yName)} alone`, places: above, pixel: at.y(v) })),
  ].map(({ text, places, pixel }) => ({ text, box: freest(places(text, pixel), curves) }));
}

function pathOf(run: Run, xName: string, yName: string): PathPoint[] {
  return run.evals.map((row) => ({
    step: row.step,
    x: row.losses[xName] ?? Number.NaN,
    y: row.losses[yName] ?? Number.NaN,
  }));
}

const drawable = (p: PathPoint): boolean => Number.isFinite(p.x) && Number.isFinite(p.y);

export const ARROW = {
  draw(
    context: { moveTo(x: number, y: number): void; lineTo(x: number, y: number): void },
    length: number,
  ): void {
    context.moveTo(-length / 2, 0);
    context.lineTo(0, -length);
    context.lineTo(length / 2, 0);
  },
};

/** Points every few pixels along a path. */
export function along(points: { x: number; y: number }[]): { x: number; y: number }[] {
  return points.slice(1).flatMap((b, i) => {
    const a = points[i]!;
    const pieces = Math.max(1, Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / 6));
    return Array.from({ length: pieces }, (_, k) => ({
      x: a.x + ((b.x - a.x) * k) / pieces,
      y: a.y + ((b.y - a.y) * k) / pieces,
    }));
  });
}

/** One arrow head on the longest piece of the path, turned the way the run went. */
function arrows(points: PathPoint[], at: Scales): { x: number; y: number; rotate: number }[] {
  let best: { x: number; y: number; rotate: number } | undefined;
  let longest = 24;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!];
    if (!drawable(a) || !drawable(b)) continue;
    const [dx, dy] = [at.x(b.x) - at.x(a.x), at.y(b.y) - at.y(a.y)];
    const length = Math.hypot(dx, dy);
    if (length <= longest) continue;
    longest = length;
    // halfway in pixels: on a log axis that is not halfway between the values
    const x = at.fromX((at.x(a.x) + at.x(b.x)) / 2);
    const y = at.fromY((at.y(a.y) + at.y(b.y)) / 2);
    best = { x, y, rotate: (Math.atan2(dx, -dy) * 180) / Math.PI };
  }
  return best === undefined ? [] : [best];
}
