/** The record of a weighted average: its own losses, and the costs of the runs that it is made of. */
import type { RunRecord } from "./record.js";
import type { Costs, OnRows } from "./types.js";

/**
 * Averaging trains nothing, but what it averages was trained: its costs are those of all parts together, and its peak memory the
 * largest of theirs.
 */
export function averageRecord(parts: readonly RunRecord[], losses: OnRows): RunRecord {
  const first = parts[0] as RunRecord;
  const costs = parts.map((part) => part.costs);
  const sum = (of: (costs: Costs) => number) => costs.reduce((total, one) => total + of(one), 0);
  const largest = (of: (costs: Costs) => number | null): number | null =>
    costs.reduce<number | null>(
      (most, one) => (of(one) === null ? most : Math.max(most ?? 0, of(one) as number)),
      null,
    );
  const seconds = sum((one) => one.seconds);
  const utilization = (of: (costs: Costs) => number | null): number | null =>
    costs.some((one) => of(one) === null) ? null : sum((one) => (of(one) as number) * one.seconds) / seconds;
  const stepsPerObjective: Record<string, number> = {};
  for (const one of costs)
    for (const [name, steps] of Object.entries(one.stepsPerObjective))
      stepsPerObjective[name] = (stepsPerObjective[name] ?? 0) + steps;
  return {
    ...first,
    costs: {
      steps: sum((one) => one.steps),
      stepsPerObjective,
      tokens: sum((one) => one.tokens),
      lossTokens: sum((one) => one.lossTokens),
      pairs: sum((one) => one.pairs),
      seconds,
      cpuUtilization: utilization((one) => one.cpuUtilization),
      gpuUtilization: utilization((one) => one.gpuUtilization),
      peakTensorBytes: largest((one) => one.peakTensorBytes),
      peakRssBytes: largest((one) => one.peakRssBytes),
    },
    losses,
    best: {},
  };
}
