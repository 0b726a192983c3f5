/** The places that every panel names: each has a shape of its own, so that colour is not needed to tell them. */
import * as Plot from "@observablehq/plot";
import type { Scales } from "../chart.js";
import { HALO } from "../figures/figure.js";
import { type Bounds, placeLabels } from "../labels.js";
import type { Place, Theory } from "./read.js";

export const SFT = "var(--run0)";
export const DPO = "var(--run1)";

export interface Mark {
  text: string;
  symbol: "circle" | "square" | "triangle" | "diamond" | "star";
  /** ring: drawn hollow */
  isRing: boolean;
  color: string;
  place: Place;
}

export function marksOf({ marks }: Theory): Mark[] {
  const ink = "currentColor";
  return [
    { text: "start", symbol: "circle", isRing: true, color: ink, place: marks.start },
    { text: "SFT optimum", symbol: "square", isRing: false, color: SFT, place: marks.sft },
    { text: "DPO optimum", symbol: "triangle", isRing: false, color: DPO, place: marks.dpo },
    { text: "mixture optimum", symbol: "diamond", isRing: false, color: ink, place: marks.mixture },
    { text: "min-max point", symbol: "star", isRing: false, color: ink, place: marks.minMax },
  ];
}

/**
 * Symbols and, beside each, its name.
 * @param at pixel positions of the chart; @param of the coordinates of a place in the chart's data
 * @param curves pixels that names should not cover
 */
export function drawMarks(
  marks: Mark[],
  at: Scales,
  of: (place: Place) => [number, number],
  bounds: Bounds,
  curves: { x: number; y: number }[],
): Plot.Markish[] {
  const pixels = marks.map(({ place, text }) => {
    const [x, y] = of(place);
    return { x: at.x(x), y: at.y(y), text };
  });
  const labels = placeLabels(pixels, bounds, [], curves);
  return marks.flatMap(({ text, symbol, isRing, color, place }, i) => {
    const [x, y] = of(place);
    const { dx, dy, align } = labels[i]!;
    const pixel = pixels[i]!;
    const leader =
      Math.abs(dy) > 9
        ? [
            Plot.link([0], {
              ...{ x1: x, y1: y, x2: at.fromX(pixel.x + dx), y2: at.fromY(pixel.y + dy) },
              ...{ stroke: color, strokeWidth: 0.8 },
            }),
          ]
        : [];
    const look = isRing
      ? { r: 6, fill: "var(--paper)", stroke: color, strokeWidth: 2 }
      : { r: symbol === "star" ? 8 : 6.5, fill: color, stroke: "var(--paper)", strokeWidth: 1.2 };
    return [
      ...leader,
      Plot.dot([0], { x, y, symbol, ...look, title: () => `${text} (${x.toFixed(3)}, ${y.toFixed(3)})` }),
      Plot.text([text], {
        x,
        y,
        dx,
        dy,
        textAnchor: align,
        fill: color,
        fontWeight: 600,
        fontSize: 11,
        ...HALO,
      }),
    ];
  });
}
