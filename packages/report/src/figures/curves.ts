/** One panel of curves over steps, each named at its right end. */
import * as Plot from "@observablehq/plot";
import { chart, scales } from "../chart.js";
import { spread } from "../labels.js";
import type { Look } from "../look.js";
import type { Point } from "../series.js";
import { HALF, HALO, type LossAxis, MUTED, scaleOf } from "./figure.js";

export interface Curve {
  name: string;
  look: Look;
  points: Point[];
  /** symbols on the points; off for dense training curves, whose end alone is marked */
  dots: boolean;
}

export interface Panel {
  label: string;
  xDomain: [number, number];
  y: LossAxis;
  yLabel: string;
  /** the best known value, drawn as a dashed line */
  optima?: number[];
  width?: number;
  height?: number;
  /** further marks under the curves */
  under?: Plot.Markish[];
}

const NAME_WIDTH = 6.2;

export function curvePanel(curves: Curve[], panel: Panel): string {
  const width = panel.width ?? HALF;
  const height = panel.height ?? 280;
  const longest = Math.min(30, Math.max(0, ...curves.map((c) => c.name.length)));
  const frame = {
    width,
    height,
    marginLeft: 46,
    marginTop: 28,
    marginBottom: 34,
    marginRight: Math.max(20, longest * NAME_WIDTH + 18),
    grid: true,
    x: { domain: panel.xDomain, label: "step →", ticks: 6 },
    y: { ticks: 6, ...scaleOf(panel.y, height - 62), label: `${panel.yLabel}${panel.y.note}` },
  };
  const at = scales({ ...frame, marks: [] });
  const ends = curves.flatMap((curve) => {
    const end = curve.points.findLast((p) => Number.isFinite(p.value));
    return end === undefined ? [] : [{ ...curve, end }];
  });
  const heights = spread(
    ends.map(({ end }) => at.y(end.value)),
    13,
    20,
    height - 34,
  );
  const labelX = at.x(panel.xDomain[1]) + 12;
  const marks: Plot.Markish[] = [...(panel.under ?? [])];
  if (panel.optima !== undefined && panel.optima.length > 0) {
    marks.push(
      Plot.ruleY(panel.optima, { stroke: MUTED, strokeDasharray: "3 3" }),
      Plot.text(panel.optima, {
        y: (v: number) => v,
        frameAnchor: "left",
        text: () => "f*",
        dx: 4,
        dy: -7,
        fill: MUTED,
        ...HALO,
      }),
    );
  }
  for (const { look, points, dots } of curves) {
    marks.push(
      Plot.line(points, {
        x: "step",
        y: "value",
        stroke: look.color,
        strokeDasharray: look.dash,
        strokeWidth: dots ? 1.8 : 1.3,
      }),
    );
    if (dots)
      marks.push(Plot.dot(points, { x: "step", y: "value", fill: look.color, symbol: look.symbol, r: 2.8 }));
  }
  for (const [i, { look, name, end }] of ends.entries()) {
    // A curve that ends early (a stage of a sequential run) is tied to its name by a fainter, dotted leader.
    const early = end.step < 0.9 * panel.xDomain[1];
    const row = { ...end, x2: at.fromX(labelX - 2), y2: at.fromY(heights[i]!) };
    marks.push(
      Plot.link([row], {
        x1: "step",
        y1: "value",
        x2: "x2",
        y2: "y2",
        stroke: look.color,
        strokeWidth: 0.6,
        strokeOpacity: 0.7,
        strokeDasharray: early ? "1 4" : "none",
      }),
      Plot.dot([row], {
        x: "step",
        y: "value",
        fill: look.color,
        symbol: look.symbol,
        r: 4,
        stroke: "var(--paper)",
        title: () => `${name}, step ${end.step}: ${end.value}`,
      }),
      Plot.text([row], {
        x: "x2",
        y: "y2",
        text: () => name,
        dx: 3,
        textAnchor: "start",
        fill: look.color,
        fontWeight: 600,
        ...HALO,
      }),
    );
  }
  return chart(panel.label, { ...frame, marks });
}
