/** A short piece of a run's line with its symbol, for the key. */
import * as Plot from "@observablehq/plot";
import { chart } from "./chart.js";
import type { Look } from "./look.js";

export function swatch({ color, dash, symbol }: Look): string {
  return chart("", {
    width: 44,
    height: 18,
    margin: 0,
    x: { domain: [0, 44], range: [0, 44], axis: null },
    y: { domain: [0, 18], range: [0, 18], axis: null },
    marks: [
      Plot.line(
        [
          [1, 9],
          [43, 9],
        ],
        { stroke: color, strokeWidth: 2, strokeDasharray: dash },
      ),
      Plot.dot([[22, 9]], { symbol, r: 5, fill: color }),
    ],
  });
}
