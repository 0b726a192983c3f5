/**
 * How a run is drawn, the same in every figure. Colour, dash and symbol all differ, so that a run can still be told
 * in greyscale or by a colour-blind reader; curves carry their names besides. Colours are CSS variables with one
 * value for a light page and one for a dark one (after Okabe and Ito's set, darkened or lightened for contrast).
 */
import type { Run } from "./run.js";

export interface Look {
  color: string;
  /** SVG stroke-dasharray; "none" for a full line */
  dash: string;
  symbol: (typeof SYMBOLS)[number] | (typeof FURTHER)[number];
}

export const LIGHT = ["#0072b2", "#c84e00", "#00805e", "#a3478a", "#8f6400", "#3d3d3d", "#2d8bc0", "#b8323c"];
export const DARK = ["#63b8f2", "#ff9a5c", "#46d3a5", "#e596cb", "#f0c452", "#d8d8d8", "#a5dcff", "#ff8d8d"];
const DASHES = ["none", "7 3", "2 3", "9 3 2 3", "14 4", "5 2 2 2 2 2", "4 6"];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye"] as const;
const FURTHER = ["triangle2", "hexagon"] as const;

/** Eight colours against seven dashes and symbols: 56 different looks before one returns. */
export function look(index: number): Look {
  return {
    color: `var(--run${index % LIGHT.length})`,
    dash: DASHES[index % DASHES.length]!,
    symbol: SYMBOLS[index % SYMBOLS.length]!,
  };
}

export const looks = (runs: Run[]): Map<Run, Look> => new Map(runs.map((run, i) => [run, look(i)]));

/** Objectives are drawn apart in lanes; their colours differ in lightness as well. */
export const objectiveColor = (index: number): string => `var(--objective${index % 4})`;
