/** Gap against the number of steps, on log scales: Sequential's stays, the others' fall. */
import * as Plot from "@observablehq/plot";
import { chart, scales } from "../chart.js";
import { type Figure, HALO, MUTED, WIDE } from "../figures/figure.js";
import { spread } from "../labels.js";
import { look } from "../look.js";
import { named, type Theory } from "./read.js";

const HEIGHT = 460;
/** Below this, rounding begins to show. */
const LOWEST = 1e-8;

export function gapFigure(theory: Theory): Figure {
  const curves = theory.curves.map((curve, i) => ({
    ...curve,
    look: look(i + 2),
    dash: look(i).dash,
    points: curve.points.filter((p) => p.gap >= LOWEST),
    text:
      curve.slope === undefined
        ? named(curve)
        : `${named(curve)}: slope ${curve.slope.toFixed(2).replace("-", "−")}`,
  }));
  const bounds = theory.bounds.filter(({ constant }) => constant > 0);
  const values = [
    ...curves.flatMap(({ points }) => points.map((p) => p.gap)),
    ...bounds.map((b) => b.constant),
  ];
  const steps = theory.curves.flatMap(({ points }) => points.map((p) => p.steps));
  const domain = [Math.min(...values) / 2, Math.max(...values) * 2] satisfies [number, number];
  const frame = {
    ...{ width: WIDE, height: HEIGHT, marginLeft: 52, marginRight: 200, marginTop: 28, marginBottom: 42 },
    grid: true,
    x: {
      type: "log" as const,
      domain: extent(steps),
      label: "steps T →",
      ticks: powers(extent(steps)),
      tickFormat: power,
    },
    y: { type: "log" as const, domain, label: "↑ gap (nats)", ticks: powers(domain), tickFormat: power },
  };
  const at = scales({ ...frame, marks: [] });
  const names = [
    ...curves.flatMap(({ points, text, look: { color } }) => {
      const end = points.at(-1);
      return end === undefined ? [] : [{ text, color, x: end.steps, y: end.gap }];
    }),
    ...bounds.map(({ order, constant }) => ({
      text: `constant for ${named({ method: "", order })}`,
      color: MUTED,
      x: Math.max(...steps),
      y: constant,
    })),
  ];
  const heights = spread(
    names.map(({ y }) => at.y(y)),
    15,
    30,
    HEIGHT - 50,
  );
  const drawn = chart("Gap of each method against the number of steps", {
    ...frame,
    marks: [
      ...bounds.map(({ constant, leastSteps }) =>
        Plot.ruleY([constant], {
          ...{
            x1: leastSteps,
            x2: Math.max(...steps),
            stroke: MUTED,
            strokeWidth: 1.4,
            strokeDasharray: "2 4",
          },
        }),
      ),
      ...curves.flatMap(({ points, look: { color, symbol }, dash }) => [
        Plot.line(points, { x: "steps", y: "gap", stroke: color, strokeWidth: 1.8, strokeDasharray: dash }),
        Plot.dot(points, { x: "steps", y: "gap", fill: color, symbol, r: 3.6, stroke: "var(--paper)" }),
      ]),
      ...names.map(({ text, color, x, y }, i) =>
        Plot.text([text], {
          ...{ x, y, dx: 10, dy: heights[i]! - at.y(y), textAnchor: "start", fill: color, fontWeight: 600 },
          ...{ fontSize: 11, ...HALO },
        }),
      ),
    ],
  });
  const told = theory.bounds
    .filter(({ constant }) => constant <= 0)
    .map((bound) => named({ method: "", ...bound }));
  return {
    id: "gaps",
    title: "The gap after T steps",
    caption:
      "How far the mixture's loss still is from its optimum; for MAXRIGHT, how far the larger weighted gap is from the least possible. " +
      `Dotted lines are constants known before the first step, below which Sequential's gap never falls (T ≥ ${theory.bounds[0]?.leastSteps}). ` +
      (told.length > 0 ? `There is no such constant for ${told.join(" and ")} here. ` : "") +
      `ALRIGHT's gap is the mean of several runs and falls as 1/√T; its slope is fitted from T = ${theory.fittedFrom} on. MAXRIGHT's is the largest of the last fifth of the steps. Values below 10⁻⁸ are not drawn.`,
    picture: { columns: 1, cells: [{ charts: [drawn] }] },
    csv: {
      header: ["method", "steps", "gap"],
      rows: [
        ...theory.curves.flatMap((curve) => curve.points.map((p) => [named(curve), p.steps, p.gap])),
        ...theory.bounds.map((b) => [
          `constant for ${named({ method: "", order: b.order })}`,
          b.leastSteps,
          b.constant,
        ]),
      ],
    },
  };
}

const extent = (values: number[]): [number, number] => [Math.min(...values), Math.max(...values)];

/** The whole powers of ten within. */
function powers([low, high]: [number, number]): number[] {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** "10⁻³" */
function power(value: number): string {
  const exponent = Math.round(Math.log10(value));
  const digits = [...String(Math.abs(exponent))].map((d) => SUPERSCRIPTS[Number(d)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}
