/** Gaps and ideal distance of every method at every λ, as the paper's Figure 3 has them, with intervals. */
import { title } from "../../facts.js";
import { otherKs, seedsNote } from "../../sweep/choose.js";
import type { Interval, Point } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import { type Figure, WIDE } from "../figure.js";
import { digitsFor } from "./format.js";
import { groupsOf } from "./groups.js";
import type { SweepInput } from "./input.js";
import { numberText, rowsChart } from "./rows.js";

export function outcome(input: SweepInput): Figure {
  const { summary } = input.sweep;
  const names = Object.keys(summary.objectives);
  const panels: { title: string; of: (point: Point) => Interval | null | undefined }[] = [
    ...names.toReversed().map((name) => ({
      title: `${title(name)} gap`,
      of: ({ heldout }: Point) => heldout.gaps[name],
    })),
    { title: "ideal distance", of: ({ heldout }) => heldout.idealDistance },
    { title: "ideal distance, scaled", of: ({ heldout }) => heldout.scaledDistance },
  ];
  const figure: Figure = {
    id: "outcome",
    title: "Gaps and ideal distance",
    caption:
      "Held-out loss minus f*, the best known loss of that objective alone, and the distance √Σ gap² from the point where all are best; scaled: each gap " +
      `divided by its range, from f* to the loss that training on the other objective alone ends with. Shorter is better. ${seedsNote(summary)}${otherKs(summary)}`,
    csv: {
      header: ["method", "lambda", ...panels.flatMap((panel) => cellNames(panel.title))],
      rows: summary.curves.flatMap(({ label, points }) =>
        points.map((point) => [
          label,
          point.lambda ?? undefined,
          ...panels.flatMap((panel) => cells(panel.of(point))),
        ]),
      ),
    },
  };
  const shown = panels.filter(({ of }) =>
    groupsOf(input, (point) => [of(point)]).some((group) => group.rows.length > 0),
  );
  if (shown.length === 0)
    return { ...figure, missing: "No method with a λ has ended, or the optima f* are not known yet." };
  const chart = rowsChart(
    "Gaps and ideal distance of each method at each lambda",
    groupsOf(input, (point) => shown.map(({ of }) => of(point))),
    shown.map((panel) => ({
      title: panel.title,
      kind: "bars",
      text: numberText(
        digitsFor(summary.curves.flatMap(({ points }) => points.map((p) => known(panel.of(p))?.mean ?? 0))),
      ),
    })),
    WIDE,
  );
  return { ...figure, picture: { columns: 1, cells: [{ charts: [chart] }] } };
}
