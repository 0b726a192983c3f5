/** What of a sweep goes into figures that cannot hold everything. */
import type { Run } from "../run.js";
import type { Point, SweepCurve, SweepSummary } from "./format.js";
import { known } from "./intervals.js";
import type { Sweep } from "./read.js";

/** The two axes of the loss plane: the first SFT and the first preference objective, else the first two. */
export function axesOf({ objectives }: SweepSummary): [string, string] | undefined {
  const names = Object.keys(objectives);
  const x = names.find((name) => objectives[name] === "sft") ?? names[0];
  const y =
    names.find((name) => name !== x && objectives[name] !== "sft") ?? names.find((name) => name !== x);
  return x === undefined || y === undefined ? undefined : [x, y];
}

/** Of MAXRIGHT's curves with fresh gaps the one that covers most λ, of equals the one whose K is nearest to 10. */
export function mainK({ curves }: SweepSummary): string | undefined {
  const far = ({ every }: SweepCurve): number => Math.abs(Math.log10(every!) - 1);
  return ks(curves).sort((a, b) => b.points.length - a.points.length || far(a) - far(b))[0]?.curve;
}

export const ks = (curves: SweepCurve[]): SweepCurve[] =>
  curves
    .filter(({ method, every, points }) => method === "maxright" && every !== null && points.length > 0)
    .sort((a, b) => a.every! - b.every!);

/** Curves of the figures that compare methods: those with λ, of MAXRIGHT's K the main one. */
export function compared(summary: SweepSummary): SweepCurve[] {
  const main = mainK(summary);
  const other = new Set(
    ks(summary.curves)
      .map(({ curve }) => curve)
      .filter((curve) => curve !== main),
  );
  return summary.curves.filter(
    ({ curve, method, points }) => method !== "single" && points.length > 0 && !other.has(curve),
  );
}

/** Says which K stand aside, for captions; empty where none does. */
export function otherKs(summary: SweepSummary): string {
  const others = ks(summary.curves).length - 1;
  return others > 0 ? " MAXRIGHT is drawn with one K here; the others are in the figure about K." : "";
}

/** The λ nearest to ½ at which most of the compared methods were run; undefined where no method has one. */
export function middleLambda(summary: SweepSummary): number | undefined {
  const at = (lambda: number): number =>
    compared(summary).filter(({ points }) => points.some((p) => p.lambda === lambda)).length;
  return [...summary.lambdas].sort((a, b) => at(b) - at(a) || Math.abs(a - 0.5) - Math.abs(b - 0.5))[0];
}

/** The point with the smallest held-out distance, scaled where that is known. */
export function bestPoint({ points }: SweepCurve): Point | undefined {
  const value = ({ heldout }: Point): number =>
    (known(heldout.scaledDistance) ?? known(heldout.idealDistance))?.mean ?? Number.POSITIVE_INFINITY;
  return [...points].sort((a, b) => value(a) - value(b))[0];
}

/** Runs of a curve at a λ, one a seed, those that told their evaluations. */
export function runsAt({ rows, runs }: Sweep, curve: string, lambda: number | null): Run[] {
  return rows
    .filter((row) => row.curve === curve && row.lambda === lambda && row.status === "finished")
    .flatMap((row) => {
      const run = runs.get(row.id);
      return run === undefined || run.evals.length === 0 ? [] : [run];
    });
}

/** "λ = 0.25"; "no λ" for single objectives. */
export const lambdaName = (lambda: number | null): string => (lambda === null ? "no λ" : `λ = ${lambda}`);

/** "3 seeds, 95 % intervals" or what there is instead. */
export function seedsNote({ seeds }: SweepSummary): string {
  return seeds.length > 1
    ? `Marks are means over ${seeds.length} seeds, lines through them 95 % intervals (Student's t).`
    : "One seed, so there are no intervals.";
}
