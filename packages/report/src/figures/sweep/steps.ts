/** How many steps each objective got. */
import { title } from "../../facts.js";
import { otherKs } from "../../sweep/choose.js";
import type { Interval } from "../../sweep/format.js";
import { type Figure, WIDE } from "../figure.js";
import { groupsOf } from "./groups.js";
import type { SweepInput } from "./input.js";
import { numberText, rowsChart } from "./rows.js";

export function steps(input: SweepInput): Figure {
  const { summary } = input.sweep;
  const names = Object.keys(summary.objectives);
  const figure: Figure = {
    id: "steps",
    title: "Steps that each objective got",
    caption:
      "Optimizer steps in which an objective took part, means over seeds. ALRIGHT draws DPO with probability λ, MAXRIGHT lets the larger weighted gap " +
      `decide, Mix trains both in every step.${otherKs(summary)}`,
    csv: {
      header: ["method", "lambda", ...names.map((name) => `${title(name)} steps`)],
      rows: summary.curves.flatMap(({ label, points }) =>
        points.map((p) => [
          label,
          p.lambda ?? undefined,
          ...names.map((name) => p.stepsPerObjective[name] ?? undefined),
        ]),
      ),
    },
  };
  const groups = groupsOf(input, ({ stepsPerObjective }) =>
    names.map((name): Interval | undefined => {
      const mean = stepsPerObjective[name];
      return mean == null ? undefined : { mean, low: mean, high: mean, n: 1 };
    }),
  );
  if (groups.length === 0) return { ...figure, missing: "No method with a λ has ended yet." };
  const chart = rowsChart(
    "Steps that each objective got, for each method at each lambda",
    groups,
    names.map((name) => ({ title: `${title(name)} steps`, kind: "bars", text: numberText(0) })),
    WIDE,
  );
  return { ...figure, picture: { columns: 1, cells: [{ charts: [chart] }] } };
}
