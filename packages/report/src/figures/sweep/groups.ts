/** The compared methods at each λ as groups of rows, for figures made of rows. */
import { compared, lambdaName } from "../../sweep/choose.js";
import type { Interval, Point } from "../../sweep/format.js";
import { known } from "../../sweep/intervals.js";
import type { SweepInput } from "./input.js";
import type { RowGroup } from "./rows.js";

/**
 * @param values of a row's panels
 * @param others second values; undefined for none
 */
export function groupsOf(
  { sweep, looks }: SweepInput,
  values: (point: Point) => (Interval | null | undefined)[],
  others?: (point: Point) => (Interval | null | undefined)[],
): RowGroup[] {
  return sweep.summary.lambdas.flatMap((lambda) => {
    const rows = compared(sweep.summary).flatMap(({ curve, label, points }) => {
      const point = points.find((p) => p.lambda === lambda);
      if (point === undefined) return [];
      return [
        {
          name: label,
          look: looks.get(curve)!,
          values: values(point).map(known),
          ...(others === undefined ? {} : { others: others(point).map(known) }),
        },
      ];
    });
    const hasValues = rows.some((row) => row.values.some((value) => value !== undefined));
    return hasValues ? [{ title: lambdaName(lambda), rows }] : [];
  });
}
