/** What every figure hands to the page. */
import type { Cell } from "../csv.js";
import type { Look } from "../look.js";
import type { Picture } from "../picture.js";
import type { Run } from "../run.js";

export interface Figure {
  /** anchor in the page and file name of the CSV */
  id: string;
  title: string;
  /** how to read it, one or two sentences; HTML-free text */
  caption: string;
  /** what is drawn; tables have none */
  picture?: Picture;
  /** safe HTML, under the picture where there is one */
  html?: string;
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

export interface LossAxis {
  type: "log" | "linear";
  domain: [number, number];
  /** for the axis label */
  note: string;
}

/** Losses that span an order of magnitude go on a log scale, or those near the optimum could not be told apart. */
export function lossAxis(values: number[]): LossAxis {
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (!(low > 0 && high / low > 8)) return { type: "linear", domain: padded(known, 0.05), note: "" };
  const [a, b] = padded([Math.log(low), Math.log(high)], 0.05);
  return { type: "log", domain: [Math.exp(a), Math.exp(b)], note: ", log scale" };
}

/**
 * Options of a Plot scale.
 * @param room pixels that the axis is long
 */
export const scaleOf = ({ type, domain }: LossAxis, room: number) =>
  type === "log" ? { type, domain, tickFormat: logTick, ticks: logTicks(domain, room) } : { type, domain };

/** Pixels between two labels at least. */
const APART = 22;

/** 1, 2, 5, 3, …: ticks of a log axis, the roundest first, as many as can be told apart. */
export function logTicks([low, high]: [number, number], room: number): number[] {
  const pixels = room / Math.log(high / low);
  const ticks: number[] = [];
  for (const digit of [1, 2, 5, 3, 4]) {
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      const value = Number(`${digit}e${power}`);
      const isFree = ticks.every((other) => Math.abs(Math.log(value / other)) * pixels >= APART);
      if (value >= low && value <= high && isFree) ticks.push(value);
    }
  }
  return ticks.sort((a, b) => a - b);
}

/** 0.05, 0.3, 12: a tick of a log axis, without trailing zeros. */
const logTick = (value: number): string => String(Number(value.toPrecision(2)));
