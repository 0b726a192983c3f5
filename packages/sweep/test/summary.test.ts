/** From rows to means. */
import type { FinishedRow, SweepConfig } from "@outright/sweep";
import { expect, it } from "vitest";
import { summarise } from "../dist/summary.js";

const outcome = {
  losses: { sft: 2, dpo: 0.6 },
  gaps: { sft: 1, dpo: 0.1 },
  scaledGaps: { sft: 0.5, dpo: 0.5 },
  idealDistance: 1,
  scaledDistance: 0.7,
};
const row = (seed: number, stepsPerObjective: Record<string, number>): FinishedRow => ({
  ...{ version: 1, status: "finished", id: `m-${seed}`, curve: "m", label: "M", method: "maxright" },
  ...{ lambda: 0.5, every: 10, seed, heldout: outcome, train: null, steps: 6, stepsPerObjective, tokens: 10 },
  ...{ lossTokens: 5, pairs: 1, seconds: 1, cpuUtilization: 1, gpuUtilization: null },
  ...{ peakTensorBytes: 1, peakRssBytes: 1 },
});

it("a run that never trained an objective counts as 0 steps of it, wherever it stands", () => {
  const sweep = {
    base: { objectives: { sft: { kind: "sft" }, dpo: { kind: "dpo" } } },
    budget: { steps: 6 },
  } as unknown as SweepConfig;
  const known = { heldout: { sft: 1, dpo: 0.5 }, train: null };
  const yardstick = { optima: known, base: known, ranges: known, optimaCost: null };
  const rows = [row(1, { sft: 6 }), row(2, { sft: 4, dpo: 2 }), row(3, { sft: 5, dpo: 1 })];
  const [curve] = summarise(sweep, rows, yardstick).curves;
  expect(curve?.points[0]?.stepsPerObjective).toEqual({ sft: 5, dpo: 1 });
});
