/** One batch of preference pairs: shared prompts, cached reference log-probs, normalised over the whole batch. */
import { type PairExample, packPairs } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { dpoLoss } from "@outright/objectives";
import type { PairMetrics, Tensor } from "@outright/tensor";
import type { BatchOptions, BatchResult } from "./batch-result.js";
import type { Rewards } from "./events.js";
import { runRow } from "./forward.js";

/** @param reference log-probs under the reference: chosen and rejected answer of each pair in turn, float64[2P] */
export function runDpoBatch(
  model: LanguageModel,
  examples: readonly PairExample[],
  reference: Float64Array,
  beta: number,
  options: BatchOptions,
): BatchResult {
  const metrics: PairMetrics[] = [];
  let tokens = 0;
  let lossTokens = 0;
  const rows = packPairs(examples, options.tokensPerMicroBatch, { sharedPrompt: true });
  rows.forEach((row, microBatch) => {
    const first = metrics.length;
    const rowReference = reference.subarray(2 * first, 2 * (first + row.rows.length));
    const lossOf = (logp: Tensor) => {
      const result = dpoLoss(logp, row.sequenceOffsets, rowReference, {
        beta,
        pairs: examples.length,
        weight: options.weight,
      });
      metrics.push(...result.pairs);
      return result;
    };
    runRow(model, row, options.train, lossOf, options.dropout?.(microBatch), options.later);
    tokens += row.tokens;
    lossTokens += row.targets.length;
  });
  const mean = (of: (pair: PairMetrics) => number) =>
    metrics.reduce((sum, pair) => sum + of(pair), 0) / metrics.length;
  const rewards: Rewards = {
    chosen: mean((pair) => pair.rewardChosen),
    rejected: mean((pair) => pair.rewardRejected),
    margin: mean((pair) => pair.margin),
    accuracy: mean((pair) => (pair.margin > 0 ? 1 : pair.margin === 0 ? 0.5 : 0)),
  };
  return {
    loss: mean((pair) => pair.loss),
    lossTokens,
    tokens,
    pairs: metrics.length,
    rewards,
    logps: { chosen: mean((pair) => pair.logpChosen), rejected: mean((pair) => pair.logpRejected) },
  };
}
