/** Which objective trained when: a strip for each run, a lane for each objective, and the steps each got. */
import * as Plot from "@observablehq/plot";
import { chart } from "../chart.js";
import { allObjectives, lossTitle, stepsPerObjective } from "../facts.js";
import { objectiveColor } from "../look.js";
import { type Stretch, schedule } from "../series.js";
import { type Figure, type FigureInput, MUTED, WIDE } from "./figure.js";
import { lastStep } from "./losses.js";

/** Pixels of one lane, and of the gap under a run. */
const LANE = 15;
const GAP = 12;

export function scheduleFigure({ runs }: FigureInput): Figure {
  const objectives = allObjectives(runs);
  const figure: Figure = {
    id: "schedule",
    title: "Which objective trained when",
    caption:
      "One lane per objective; a bar where it trained. A bar's height is the objective's share of the update, so lanes that are all half high are an even mixture at every step. Right: steps in which the objective took part.",
    csv: { header: ["run", "objective", "after step", "to step", "share"], rows: [] },
  };
  const told = runs.filter((run) => run.steps.length > 0);
  if (told.length === 0) return { ...figure, missing: "These runs have no steps yet." };
  const last = lastStep(told);
  const longest = Math.max(...told.map((run) => run.name.length));
  const laneNames = Math.max(...objectives.map((name) => lossTitle(runs, name).length));
  const perRun = LANE * objectives.length + GAP;
  const height = 10 + perRun * told.length + 40;
  const marks: Plot.Markish[] = [];
  for (const [r, run] of told.entries()) {
    const stretches = schedule(run);
    const counts = stepsPerObjective(run);
    figure.csv.rows.push(
      ...stretches.map((s) => [run.name, s.objective, s.from, s.to, Number(s.share.toPrecision(6))]),
    );
    marks.push(
      Plot.text([run.name], {
        frameAnchor: "top-left",
        dx: -(laneNames * 6.6 + 16),
        dy: r * perRun + (LANE * objectives.length) / 2 - 6,
        textAnchor: "end",
        fontWeight: 600,
        fontSize: 11,
      }),
    );
    for (const [o, name] of objectives.entries()) {
      const top = r * perRun + o * LANE;
      marks.push(
        Plot.rect([0], { x1: 0, x2: last, y1: top + 1, y2: top + LANE - 1, fill: "var(--lane)" }),
        Plot.rect(
          stretches.filter((s) => s.objective === name),
          {
            x1: "from",
            x2: "to",
            y1: (s: Stretch) => top + 1 + (LANE - 2) * (1 - s.share),
            y2: top + LANE - 1,
            fill: objectiveColor(o),
          },
        ),
        Plot.text([lossTitle(runs, name)], {
          frameAnchor: "top-left",
          dx: -6,
          dy: top + 1,
          textAnchor: "end",
          fill: MUTED,
        }),
        Plot.text([counts[name] ?? 0], {
          frameAnchor: "top-right",
          dx: 6,
          dy: top + 1,
          textAnchor: "start",
          text: (n: number) => `${n}`,
          fontVariant: "tabular-nums",
        }),
      );
    }
  }
  const drawn = chart("Which objective trained at which step, for each run", {
    width: WIDE,
    height,
    marginLeft: longest * 6.6 + laneNames * 6.6 + 30,
    marginRight: 52,
    marginTop: 10,
    marginBottom: 40,
    x: { domain: [0, last], label: "step →" },
    y: { domain: [0, perRun * told.length], range: [10, 10 + perRun * told.length], axis: null },
    marks,
  });
  return { ...figure, picture: { columns: 1, cells: [{ charts: [drawn] }] } };
}
