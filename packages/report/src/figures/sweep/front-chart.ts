/** Fronts in the loss plane: a line through the points of each, crosses of 95 % intervals, names and λ where there is room. */
import * as Plot from "@observablehq/plot";
import { chart, type Scales } from "../../chart.js";
import { labelBox, placeLabels, placeNotes } from "../../labels.js";
import type { Interval } from "../../sweep/format.js";
import type { CurveLook } from "../../sweep/look.js";
import { HALO, MUTED } from "../figure.js";
import { along, ground, type PlaneFrame } from "../plane-ground.js";

export interface FrontPoint {
  lambda: number | null;
  x: Interval;
  y: Interval;
}

export interface Front {
  name: string;
  look: CurveLook;
  points: FrontPoint[];
}

/** A model that is no point of a front: the base, or one trained on a single objective. */
export interface Landmark {
  name: string;
  x: number;
  y: number;
}

/** @param isNamed whether fronts have their names and λ beside them */
export function frontChart(
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
