/** What each method costs more than the baseline at the same λ (paper, Figure 3: runtime and utilisation). */
import { otherKs, seedsNote } from "../../sweep/choose.js";
import type { Increase } from "../../sweep/format.js";
import { cellNames, cells, known } from "../../sweep/intervals.js";
import { type Figure, WIDE } from "../figure.js";
import { plus } from "./format.js";
import { groupsOf } from "./groups.js";
import type { SweepInput } from "./input.js";
import { rowsChart } from "./rows.js";

const PANELS: [keyof Increase, string][] = [
  ["seconds", "runtime, %"],
  ["tokens", "tokens, %"],
  ["peakTensorBytes", "memory of tensors, %"],
  ["peakRssBytes", "memory of process, %"],
  ["cpuUtilization", "CPU utilisation, %"],
  ["gpuUtilization", "GPU utilisation, %"],
];

export function increase(input: SweepInput): Figure {
  const { summary } = input.sweep;
  const figure: Figure = {
    id: "increase",
    title: `Cost against ${summary.baseline.label}`,
    caption:
      `Percent more than ${summary.baseline.label} at the same λ; bars to the left of 0 are cheaper. Runtime is that of the training steps alone, without ` +
      `evaluations; memory is the most that was held at once. ${seedsNote(summary)}${otherKs(summary)}`,
    csv: {
      header: ["method", "lambda", ...PANELS.flatMap(([, title]) => cellNames(title))],
      rows: summary.curves.flatMap(({ label, points }) =>
        points
          .filter((point) => point.increase != null)
          .map((point) => [
            label,
            point.lambda ?? undefined,
            ...PANELS.flatMap(([key]) => cells(point.increase![key])),
          ]),
      ),
    },
  };
  const { curves } = summary;
  const shown = PANELS.filter(([key]) =>
    curves.some(({ points }) => points.some(({ increase: i }) => known(i?.[key]) !== undefined)),
  );
  if (shown.length === 0 || !curves.some(({ curve }) => curve !== summary.baseline.curve))
    return {
      ...figure,
      missing: `No run of the baseline (${summary.baseline.label || "none"}) has ended at the λ of another method, so there is nothing to compare costs with.`,
    };
  const chart = rowsChart(
    `Cost of each method at each lambda, percent more than ${summary.baseline.label}`,
    groupsOf(input, ({ increase: i }) => shown.map(([key]) => i?.[key])),
    shown.map(([, title]) => ({ title, kind: "bars", text: (value) => plus(value) })),
    WIDE,
  );
  return { ...figure, picture: { columns: 1, cells: [{ charts: [chart] }] } };
}
