/** Held-out losses beside those on training rows, on which the paper evaluates. */
import { title } from "../../facts.js";
import { otherKs, seedsNote } from "../../sweep/choose.js";
import type { Interval, Spread } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import { type Figure, WIDE } from "../figure.js";
import { digitsFor } from "./format.js";
import { groupsOf } from "./groups.js";
import type { SweepInput } from "./input.js";
import { numberText, rowsChart } from "./rows.js";

export function slices(input: SweepInput): Figure {
  const { summary } = input.sweep;
  const panels: { title: string; of: (spread: Spread) => Interval | undefined }[] = [
    ...Object.keys(summary.objectives).map((name) => ({
      title: `${title(name)} loss`,
      of: ({ losses }: Spread) => losses[name],
    })),
    { title: "ideal distance", of: ({ idealDistance }) => idealDistance },
  ];
  const figure: Figure = {
    id: "slices",
    title: "Held-out rows against training rows",
    caption:
      "Filled marks: rows held out. Hollow rings: a fixed slice of the training rows, on which the paper evaluates. The line between them is what an evaluation on " +
      `training rows hides; the ideal distance is against each slice's own optima. ${seedsNote(summary)}${otherKs(summary)}`,
    csv: {
      header: [
        "method",
        "lambda",
        ...panels.flatMap((panel) => [
          ...cellNames(`${panel.title}, held out`),
          ...cellNames(`${panel.title}, training rows`),
        ]),
      ],
      rows: summary.curves.flatMap(({ label, points }) =>
        points
          .filter((point) => point.train != null)
          .map((point) => [
            label,
            point.lambda ?? undefined,
            ...panels.flatMap(({ of }) => [...cells(of(point.heldout)), ...cells(of(point.train!))]),
          ]),
      ),
    },
  };
  const groups = groupsOf(
    input,
    ({ heldout }) => panels.map(({ of }) => of(heldout)),
    ({ train }) => panels.map(({ of }) => (train == null ? undefined : of(train))),
  ).filter(({ rows }) => rows.some(({ others }) => others!.some((other) => other !== undefined)));
  if (groups.length === 0)
    return {
      ...figure,
      missing:
        "These runs did not measure losses on training rows, so there is nothing to set beside the held-out ones.",
    };
  const chart = rowsChart(
    "Losses on held-out and on training rows, for each method at each lambda",
    groups,
    panels.map(({ title: name, of }) => ({
      title: name,
      kind: "marks",
      text: numberText(
        digitsFor(
          summary.curves.flatMap(({ points }) => points.map((p) => known(of(p.heldout))?.mean ?? 0)),
        ) + 1,
      ),
    })),
    WIDE,
  );
  return { ...figure, picture: { columns: 1, cells: [{ charts: [chart] }] } };
}
