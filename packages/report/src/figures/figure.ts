/** What every figure hands to the page. */
import type { Cell } from "../csv.js";
import type { Look } from "../look.js";
import type { Run } from "../run.js";

export interface Figure {
  /** anchor in the page and file name of the CSV */
  id: string;
  title: string;
  /** how to read it, one or two sentences; HTML-free text */
  caption: string;
  /** safe HTML: SVG and a little markup; empty where the runs have nothing to draw */
  html: string;
  /** why there is nothing to draw */
  missing?: string;
  csv: { header: string[]; rows: Cell[][] };
}

export interface FigureInput {
  runs: Run[];
  looks: Map<Run, Look>;
}

export const HALO = { stroke: "var(--paper)", strokeWidth: 3.5, paintOrder: "stroke" } as const;
export const FAINT = "var(--faint)";
export const MUTED = "var(--muted)";

/** Sizes shared by charts; SVGs shrink with the page. */
export const WIDE = 1040;
export const HALF = 510;

/** A range with a little air on both sides; never empty. */
export function padded(values: number[], share = 0.06): [number, number] {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return [0, 1];
  const low = Math.min(...known);
  const high = Math.max(...known);
  const air = (high - low) * share || Math.max(Math.abs(high) * 0.1, 0.1);
  return [low - air, high + air];
}
