/** Seed against the same seed: how far one method's runs end from another's, and whether that is more than chance. */
import { type FinishedRow, type Interval, interval } from "outright";

/** A number of a run; null where the run does not have it. */
export type Measure = (row: FinishedRow) => number | null;

/** Runs that differ in their seed only. */
export interface Cell {
  curve: string;
  lambda: number | null;
}

const runsOf = (rows: readonly FinishedRow[], { curve, lambda }: Cell) =>
  rows.filter((row) => row.curve === curve && row.lambda === lambda);

const intervalOf = (values: readonly (number | null)[]): Interval | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : interval(known);
};

/** Mean of the measure over a cell's seeds, with its 95 % interval; null where no run has it. */
export const mean = (rows: readonly FinishedRow[], cell: Cell, of: Measure): Interval | null =>
  intervalOf(runsOf(rows, cell).map(of));

/** `combine(a, b)` of the runs of the same seed, over the seeds that both cells have. */
function paired(
  rows: readonly FinishedRow[],
  [a, b]: readonly [Cell, Cell],
  of: Measure,
  combine: (a: number, b: number) => number,
): Interval | null {
  const others = new Map(runsOf(rows, b).map((row) => [row.seed, of(row)]));
  return intervalOf(
    runsOf(rows, a).map((row) => {
      const [ours, theirs] = [of(row), others.get(row.seed) ?? null];
      return ours === null || theirs === null ? null : combine(ours, theirs);
    }),
  );
}

/** `a` less `b`. */
export const difference = (rows: readonly FinishedRow[], a: Cell, b: Cell, of: Measure): Interval | null =>
  paired(rows, [a, b], of, (ours, theirs) => ours - theirs);

/** Percent that `a` is above `b`. */
export const increase = (rows: readonly FinishedRow[], a: Cell, b: Cell, of: Measure): Interval | null =>
  paired(rows, [a, b], of, (ours, theirs) => 100 * (ours / theirs - 1));

/** Largest less smallest value over a curve's λ, of `a` less that of `b`, by seed. */
export function differenceOfSpreads(
  rows: readonly FinishedRow[],
  a: string,
  b: string,
  lambdas: readonly number[],
  of: Measure,
): Interval | null {
  const spread = (curve: string, seed: number): number | null => {
    const values = rows
      .filter((row) => row.curve === curve && row.seed === seed && lambdas.includes(row.lambda ?? Number.NaN))
      .map(of)
      .filter((value) => value !== null);
    return values.length < lambdas.length ? null : Math.max(...values) - Math.min(...values);
  };
  const seeds = [...new Set(rows.map(({ seed }) => seed))];
  return intervalOf(
    seeds.map((seed) => {
      const [ours, theirs] = [spread(a, seed), spread(b, seed)];
      return ours === null || theirs === null ? null : ours - theirs;
    }),
  );
}

/** On which side of the bound a 95 % interval lies. */
export type Side = "below" | "above" | "undecided";

export function side(value: Interval | null, bound: number): Side {
  if (value === null || value.n < 2) return "undecided";
  if (value.high < bound) return "below";
  return value.low > bound ? "above" : "undecided";
}

export interface Verdict {
  word: "holds" | "holds in part" | "undecided" | "does not hold";
  /** lines on the side that is claimed, on the other one, and all */
  for: number;
  against: number;
  of: number;
}

/** Of a claim that all of these lie on the side `claimed`: where none does and any lies on the other, it does not hold. */
export function verdict(sides: readonly Side[], claimed: "below" | "above"): Verdict {
  const count = (wanted: Side) => sides.filter((one) => one === wanted).length;
  const counts = {
    for: count(claimed),
    against: count(claimed === "below" ? "above" : "below"),
    of: sides.length,
  };
  if (counts.for > 0) return { word: counts.for === counts.of ? "holds" : "holds in part", ...counts };
  return { word: counts.against > 0 ? "does not hold" : "undecided", ...counts };
}
