/** How a method is drawn: the same in every figure and every sweep. */
import { HATCHES, type Hatch, hatchFill } from "../hatch.js";
import { type Look, look } from "../look.js";
import type { SweepCurve } from "./format.js";

export interface CurveLook extends Look {
  /** SVG fill of bars: hatched in the method's colour */
  fill: string;
}

type Style = [variable: string, dash: string, symbol: Look["symbol"], hatch: Hatch];

/** By curve, else by method: colours after Okabe and Ito, and a dash, a symbol and a hatching of each one's own. */
const STYLES: Record<string, Style> = {
  "sequential-dpo-sft": ["run5", "14 4", "square", "hollow"],
  "sequential-sft-dpo": ["run4", "9 3 2 3", "triangle2", "across"],
  mix: ["run1", "7 3", "diamond", "rising"],
  "mix-one-pass": ["run7", "2 3", "cross", "grid"],
  alright: ["run0", "none", "circle", "solid"],
  maxright: ["run2", "5 2 2 2 2 2", "triangle", "dots"],
  "maxright-smoothed": ["run3", "4 4", "star", "falling"],
  average: ["run6", "2 3", "wye", "upright"],
  "single-sft": ["muted", "none", "hexagon", "hollow"],
  "single-dpo": ["muted", "none", "hexagon", "hollow"],
};

export function curveLooks(curves: SweepCurve[]): Map<string, CurveLook> {
  return new Map(
    curves.map(({ curve, method }, i) => {
      const style = STYLES[curve] ?? (method === "maxright" ? STYLES["maxright"] : undefined);
      if (style === undefined) {
        const other = look(i);
        return [curve, { ...other, fill: hatchFill(HATCHES[i % HATCHES.length]!, `run${i % 8}`) }];
      }
      const [variable, dash, symbol, hatch] = style;
      return [curve, { color: `var(--${variable})`, dash, symbol, fill: hatchFill(hatch, variable) }];
    }),
  );
}
