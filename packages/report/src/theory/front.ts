/** The same paths in the plane of losses, with the Pareto front and what lambda picks on it. */
import * as Plot from "@observablehq/plot";
import { chart, scales } from "../chart.js";
import { type Figure, HALO, MUTED, WIDE } from "../figures/figure.js";
import { along } from "../figures/plane-ground.js";
import { spread } from "../labels.js";
import { look } from "../look.js";
import { drawMarks, marksOf } from "./marks.js";
import { named, type Place, type Theory } from "./read.js";

const HEIGHT = 460;

export function frontFigure(theory: Theory): Figure {
  const { lambda } = theory.instance;
  const { marks, front } = theory;
  // The front is what is to be seen, so the picture ends a little beyond it; paths come in over its edges.
  const right = 1.3 * Math.max(...front.map((p) => p.sftGap));
  const top = 1.15 * Math.max(...front.map((p) => p.dpoGap));
  const frame = {
    ...{ width: WIDE, height: HEIGHT, marginLeft: 52, marginRight: 160, marginTop: 28, marginBottom: 42 },
    grid: true,
    x: { domain: [-0.02 * right, right], label: "SFT gap: f − f* (nats) →" },
    y: { domain: [-0.02 * top, top], label: "↑ DPO gap: f − f* (nats)", ticks: 8 },
  };
  const at = scales({ ...frame, marks: [] });
  const of = (p: Place): [number, number] => [p.sftGap, p.dpoGap];
  const paths = theory.paths.map((path, i) => ({ path, color: look(i + 2).color, dash: look(i).dash }));
  const pixels = (points: Place[]) => along(points.map((p) => ({ x: at.x(p.sftGap), y: at.y(p.dpoGap) })));
  // Of the mixture: lambda dpo + (1 - lambda) sft is the same all along this line, and nowhere on the front less.
  const level = lambda * marks.mixture.dpoGap + (1 - lambda) * marks.mixture.sftGap;
  const tangent = [0, right].map((x) => ({ x, y: (level - (1 - lambda) * x) / lambda }));
  const ray = [0, Math.min(right, (lambda * top) / (1 - lambda))].map((x) => ({
    x,
    y: ((1 - lambda) * x) / lambda,
  }));
  const bounds = { left: 54, right: WIDE - 160, top: 30, bottom: HEIGHT - 44 };
  const curves = [...pixels(front), ...paths.flatMap(({ path }) => pixels(path.points))];
  const names = edgeNames(theory, right);
  const heights = spread(
    names.map(({ y }) => at.y(y)),
    15,
    30,
    HEIGHT - 50,
  );
  const drawn = chart("Paths of the methods in the plane of both gaps, with the Pareto front", {
    ...frame,
    marks: [
      Plot.line(front, {
        x: "sftGap",
        y: "dpoGap",
        stroke: "var(--band)",
        strokeWidth: 9,
        strokeLinecap: "round",
      }),
      Plot.line(tangent, { x: "x", y: "y", stroke: MUTED, strokeDasharray: "3 3", clip: true }),
      Plot.line(ray, {
        x: "x",
        y: "y",
        stroke: MUTED,
        strokeDasharray: "1 3",
        strokeWidth: 1.5,
        clip: true,
      }),
      ...paths.map(({ path, color, dash }) =>
        Plot.line(path.points, {
          ...{ x: "sftGap", y: "dpoGap", stroke: color, strokeWidth: 1.8, strokeDasharray: dash },
          ...{ title: () => named(path), clip: true },
        }),
      ),
      ...drawMarks(
        marksOf(theory).filter(({ place }) => place.sftGap <= right && place.dpoGap <= top),
        at,
        of,
        bounds,
        curves,
      ),
      lineName("equal weighted gaps", ray[1]!, 14),
      lineName("equal mixture loss", { x: level / (1 - lambda), y: 0 }, -10),
      ...names.flatMap(({ text, y }, i) => {
        const { color, dash } = paths[i]!;
        const [x1, x2, height] = [
          at.fromX(at.x(right) + 8),
          at.fromX(at.x(right) + 42),
          at.fromY(heights[i]!),
        ];
        return [
          Plot.link([0], {
            ...{ x1, x2, y1: height, y2: height, stroke: color, strokeWidth: 1.8, strokeDasharray: dash },
          }),
          Plot.text([text], {
            ...{ x: right, y, dx: 48, dy: heights[i]! - at.y(y), textAnchor: "start" as const },
            ...{ fill: color, fontWeight: 600, fontSize: 11, ...HALO },
          }),
        ];
      }),
    ],
  });
  return {
    id: "front",
    title: "The same paths in the plane of losses",
    caption:
      "Lower left is better. " +
      (marks.start.sftGap > right ? "The paths come from the start, beyond the right edge. " : "") +
      "The grey band is the Pareto front, from the SFT optimum to the DPO optimum; no point dominates another on it. " +
      `One lambda (here ${lambda}) picks two points: the mixture optimum, where the dashed line of equal mixture loss touches the front, and the min-max point, where the dotted ray of equal weighted gaps meets it.`,
    picture: { columns: 1, cells: [{ charts: [drawn] }] },
    csv: {
      header: ["DPO weight", "SFT gap", "DPO gap"],
      rows: front.map((p) => [p.weight, p.sftGap, p.dpoGap]),
    },
  };
}

/** Where each path last comes in over the right edge, or where it is nearest to it. */
function edgeNames({ paths }: Theory, right: number): { text: string; y: number }[] {
  return paths.map((path) => {
    const inside = path.points.findIndex((p) => p.sftGap <= right);
    return { text: named(path), y: path.points[Math.max(0, inside)]!.dpoGap };
  });
}

function lineName(text: string, { x, y }: { x: number; y: number }, dy: number): Plot.Markish {
  return Plot.text([text], { x, y, dx: 8, dy, textAnchor: "start", fill: MUTED, fontSize: 11, ...HALO });
}
