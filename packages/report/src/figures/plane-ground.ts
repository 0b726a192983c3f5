/** What lies under every loss plane: its axes, the best known losses and the ideal point, and where names may stand. */
import * as Plot from "@observablehq/plot";
import { type Scales, scales } from "../chart.js";
import { title } from "../facts.js";
import { type Bounds, freest, textBox } from "../labels.js";
import { HALO, type LossAxis, MUTED, scaleOf } from "./figure.js";

export interface PlaneAxis {
  /** the objective's name */
  objective: string;
  /** e.g. "SFT loss (nats per token), held out" */
  label: string;
  scale: LossAxis;
  /** best known losses of this objective alone */
  optima: number[];
}

export interface PlaneFrame {
  width: number;
  height: number;
  x: PlaneAxis;
  y: PlaneAxis;
}

export interface Ground {
  /** options of the chart, without its marks */
  options: Plot.PlotOptions;
  at: Scales;
  /** where names may stand, in pixels */
  bounds: Bounds;
  /** the point where both objectives are at their best, where that is one point and inside the frame */
  ideal: { x: number; y: number } | undefined;
  marks: Plot.Markish[];
  /** boxes that words take already */
  blocked: Bounds[];
}

const MARGIN = { left: 56, bottom: 46, top: 30, right: 24 };

/** @param curves points along what will be drawn, in pixels of `at`; words avoid them */
export function ground(frame: PlaneFrame, curves: (at: Scales) => { x: number; y: number }[]): Ground {
  const { width, height, x, y } = frame;
  const options = {
    width,
    height,
    marginLeft: MARGIN.left,
    marginBottom: MARGIN.bottom,
    marginTop: MARGIN.top,
    marginRight: MARGIN.right,
    grid: true,
    x: {
      ticks: Math.round(width / 90),
      ...scaleOf(x.scale, width - MARGIN.left - MARGIN.right),
      label: `${x.label}${x.scale.note} →`,
    },
    y: {
      ticks: Math.round(height / 70),
      ...scaleOf(y.scale, height - MARGIN.top - MARGIN.bottom),
      label: `↑ ${y.label}${y.scale.note}`,
    },
  };
  const at = scales({ ...options, marks: [] });
  const bounds = { left: MARGIN.left + 4, right: width - 8, top: 20, bottom: height - MARGIN.bottom - 4 };
  const within = ([low, high]: [number, number], value: number): boolean => value >= low && value <= high;
  const [xOptima, yOptima] = [x, y].map(({ optima, scale }) => optima.filter((v) => within(scale.domain, v)));
  const ideal =
    x.optima.length === 1 && y.optima.length === 1 && xOptima!.length === 1 && yOptima!.length === 1
      ? { x: xOptima![0]!, y: yOptima![0]! }
      : undefined;
  const idealBox =
    ideal === undefined ? undefined : textBox("ideal point", at.x(ideal.x) + 10, at.y(ideal.y) + 12);
  const best = optimaLabels([x.objective, xOptima!], [y.objective, yOptima!], at, bounds, [
    ...curves(at),
    ...(idealBox === undefined ? [] : corners(idealBox)),
  ]);
  const marks: Plot.Markish[] = [
    Plot.ruleX(xOptima!, { stroke: MUTED, strokeDasharray: "3 3" }),
    Plot.ruleY(yOptima!, { stroke: MUTED, strokeDasharray: "3 3" }),
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
  return {
    options,
    at,
    bounds,
    ideal,
    marks,
    blocked: [...best.map(({ box }) => box), ...(idealBox === undefined ? [] : [idealBox])],
  };
}

const corners = ({ left, right, top, bottom }: Bounds): { x: number; y: number }[] =>
  [left, (left + right) / 2, right].flatMap((x) => [top, (top + bottom) / 2, bottom].map((y) => ({ x, y })));

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
