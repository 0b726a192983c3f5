/** Paths in the loss plane, each from a ring to its named end, with an arrow on the way. */
import * as Plot from "@observablehq/plot";
import { chart, type Scales } from "../chart.js";
import { placeLabels } from "../labels.js";
import type { Look } from "../look.js";
import { HALO } from "./figure.js";
import { along, ground, type PlaneFrame } from "./plane-ground.js";

export interface PathPoint {
  step: number;
  x: number;
  y: number;
}

export interface Path {
  name: string;
  look: Look;
  points: PathPoint[];
  /** the paths that this one is the mean of, drawn faintly */
  faint?: PathPoint[][];
}

/** @param paths each with at least one point that can be drawn */
export function planePaths(label: string, paths: Path[], frame: PlaneFrame): string {
  const ends = paths.map((path) => ({ ...path, end: path.points.findLast(drawable)! }));
  const starts = paths.map(({ points }) => points.find(drawable)!);
  const curves = (at: Scales): { x: number; y: number }[] =>
    paths.flatMap(({ points }) =>
      along(points.filter(drawable).map((p) => ({ x: at.x(p.x), y: at.y(p.y) }))),
    );
  const { options, at, bounds, ideal, marks, blocked } = ground(frame, curves);
  const names = placeLabels(
    ends.map(({ name, end }) => ({ x: at.x(end.x), y: at.y(end.y), text: name })),
    bounds,
    [...starts, ...(ideal ? [ideal] : [])].map((p) => ({ x: at.x(p.x), y: at.y(p.y) })),
    curves(at),
    blocked,
  );
  for (const { name, look, points, faint } of paths) {
    const { color, dash, symbol } = look;
    marks.push(
      ...(faint ?? []).map((of) =>
        Plot.line(of, { x: "x", y: "y", stroke: color, strokeWidth: 0.8, strokeOpacity: 0.45 }),
      ),
      Plot.line(points, { x: "x", y: "y", stroke: color, strokeWidth: 1.8, strokeDasharray: dash }),
      Plot.dot(points.slice(1), {
        x: "x",
        y: "y",
        fill: color,
        r: 2.4,
        symbol,
        title: (p: PathPoint) => `${name}, step ${p.step}`,
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
  for (const [i, { name, look, end }] of ends.entries()) {
    const { color, symbol } = look;
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
        title: () => `${name}, step ${end.step}: (${end.x.toFixed(4)}, ${end.y.toFixed(4)})`,
      }),
      Plot.text([end], {
        x: "x",
        y: "y",
        text: () => name,
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
  return chart(label, { ...options, marks });
}

export const drawable = (p: PathPoint): boolean => Number.isFinite(p.x) && Number.isFinite(p.y);

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
