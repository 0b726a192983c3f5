/** Chosen and rejected log-probs beside the SFT loss, for each method at one λ; every run is watched for falling chosen log-probs. */

import { logpSeries } from "../../series.js";
import { compared, middleLambda, otherKs, runsAt } from "../../sweep/choose.js";
import { meanRun } from "../../sweep/mean-run.js";
import { chosenFalls } from "../../warnings.js";
import type { Figure } from "../figure.js";
import { logprobs } from "../logprobs.js";
import type { SweepInput } from "./input.js";

export function sweepLogprobs({ sweep, looks }: SweepInput): Figure {
  const { summary } = sweep;
  const lambda = middleLambda(summary);
  const means = compared(summary).flatMap(({ curve, label }) => {
    const runs = lambda === undefined ? [] : runsAt(sweep, curve, lambda);
    return runs.length === 0 ? [] : [{ run: meanRun(runs, label), look: looks.get(curve)! }];
  });
  const figure = logprobs({
    runs: means.map(({ run }) => run),
    looks: new Map(means.map(({ run, look }) => [run, look])),
  });
  return {
    ...figure,
    title: `${figure.title}${lambda === undefined ? "" : ` at λ = ${lambda}`}`,
    caption: `${figure.caption} Means over seeds.${otherKs(summary)}`,
  };
}

/** "MAXRIGHT K=10 (3 of 15 runs)": where chosen log-probs fell while the margin grew; empty where in none. */
export function fallingRuns({ sweep }: SweepInput): string[] {
  return sweep.summary.curves.flatMap(({ curve, label }) => {
    const runs = sweep.rows.filter((row) => row.curve === curve && row.status === "finished");
    const falling = runs.filter((row) => {
      const run = sweep.runs.get(row.id);
      const series = run === undefined ? undefined : logpSeries(run);
      return series !== undefined && chosenFalls(series) !== undefined;
    });
    return falling.length === 0 ? [] : [`${label} (${falling.length} of ${runs.length} runs)`];
  });
}
