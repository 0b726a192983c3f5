/**
 * Log-probs of chosen and rejected answers together with the SFT loss, on one step axis for each run. People keep
 * asking why *both* log-probs fall; here it is seen where it happens, with what it costs beside it.
 */
import * as Plot from "@observablehq/plot";
import type { Cell } from "../csv.js";
import { lossLabel, planeAxes } from "../facts.js";
import type { Look } from "../look.js";
import { binned, heldOutLoss, logpSeries, trainingLoss } from "../series.js";
import { type ChosenFalls, chosenFalls } from "../warnings.js";
import { curvePanel } from "./curves.js";
import { type Figure, type FigureInput, HALF, type LossAxis, lossAxis, padded } from "./figure.js";
import { lastStep } from "./losses.js";

const CHOSEN: Look = { color: "var(--good)", dash: "none", symbol: "circle" };
const REJECTED: Look = { color: "var(--bad)", dash: "6 3", symbol: "square" };

export function logprobs({ runs, looks }: FigureInput): Figure {
  const figure: Figure = {
    id: "logprobs",
    title: "Chosen and rejected log-probs beside the SFT loss",
    caption:
      "Mean log-prob of a whole answer. Healthy preference training widens the distance between the two without letting the chosen one sink; shaded steps are where it sinks while the margin grows.",
    csv: { header: ["run", "series", "from", "step", "value"], rows: [] },
  };
  const sft = planeAxes(runs)?.[0];
  const told = runs.flatMap((run) => {
    const series = logpSeries(run);
    if (series === undefined) return [];
    const heldOut = sft === undefined ? [] : heldOutLoss(run, sft);
    const sftLoss = heldOut.length > 1 || sft === undefined ? heldOut : binned(trainingLoss(run, sft));
    return [
      {
        run,
        series,
        sftLoss,
        sftSource: heldOut.length > 1 ? "held out" : "training batches",
        warning: chosenFalls(series),
      },
    ];
  });
  if (told.length === 0)
    return { ...figure, missing: "These runs have no preference objective, or told no log-probs yet." };

  const xDomain: [number, number] = [0, lastStep(runs)];
  const logpAxis: LossAxis = {
    type: "linear",
    domain: padded(told.flatMap(({ series }) => series.rows.flatMap((row) => [row.chosen, row.rejected]))),
    note: "",
  };
  const sftAxis = lossAxis(told.flatMap(({ sftLoss }) => sftLoss.map((p) => p.value)));
  const cells = told.map(({ run, series, sftLoss, sftSource, warning }) => {
    figure.csv.rows.push(
      ...series.rows.flatMap((row): Cell[][] => [
        [run.name, "chosen log-prob", series.source, row.step, row.chosen],
        [run.name, "rejected log-prob", series.source, row.step, row.rejected],
      ]),
      ...sftLoss.map((p): Cell[] => [run.name, "SFT loss", sftSource, p.step, p.value]),
    );
    const top = curvePanel(
      [
        {
          name: "chosen",
          look: CHOSEN,
          dots: true,
          points: series.rows.map((row) => ({ step: row.step, value: row.chosen })),
        },
        {
          name: "rejected",
          look: REJECTED,
          dots: true,
          points: series.rows.map((row) => ({ step: row.step, value: row.rejected })),
        },
      ],
      {
        label: `${run.name}: log-probs of chosen and rejected answers over steps`,
        xDomain,
        y: logpAxis,
        yLabel: `↑ log-prob of an answer (nats), ${series.source}`,
        height: 210,
        under: warning === undefined ? [] : [shade(warning)],
      },
    );
    const bottom =
      sftLoss.length === 0
        ? ""
        : curvePanel(
            [
              {
                name: "SFT loss",
                look: { ...looks.get(run)!, dash: "none" },
                dots: sftSource === "held out",
                points: sftLoss,
              },
            ],
            {
              label: `${run.name}: SFT loss over the same steps`,
              xDomain,
              y: sftAxis,
              yLabel: `↑ ${lossLabel(runs, sft!)}, ${sftSource}`,
              height: 140,
              width: HALF,
              under: warning === undefined ? [] : [shade(warning)],
            },
          );
    return {
      title: run.name,
      ...(warning === undefined ? {} : { warning: `Chosen falls. ${tell(warning)}` }),
      charts: bottom === "" ? [top] : [top, bottom],
    };
  });
  return { ...figure, picture: { columns: 2, cells } };
}

const shade = (w: ChosenFalls): Plot.Markish =>
  Plot.rect([w], {
    x1: "from",
    x2: "to",
    fill: "var(--alarm)",
    fillOpacity: 0.14,
    stroke: "var(--alarm)",
    strokeOpacity: 0.5,
    strokeDasharray: "2 3",
  });

/** "Steps 40–300: the chosen answers lost 12.3 nats while the margin grew by 30.1." */
export function tell(w: ChosenFalls): string {
  const span = w.from === w.to ? `At step ${w.from}` : `Steps ${w.from}–${w.to}`;
  return `${span}: the log-prob of chosen answers is up to ${w.fall.toFixed(1)} nats below its start, while the margin over rejected ones grew by ${w.growth.toFixed(1)}.`;
}
