/** One batch of SFT examples: micro-batches by token budget, normalised over the whole batch. */
import { type FlatRow, packSft, type SftExample } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { type SftNormalisation, sftLoss } from "@outright/objectives";
import type { LossAndGradient, Tensor } from "@outright/tensor";
import type { BatchOptions, BatchResult } from "./batch-result.js";
import { runRow } from "./forward.js";

export function runSftBatch(
  model: LanguageModel,
  examples: readonly SftExample[],
  loss: "token-mean" | "example-mean",
  options: BatchOptions,
): BatchResult {
  const rows = packSft(examples, options.tokensPerMicroBatch);
  const lossTokens = total(rows, (row) => row.targets.length);
  const normalisation: SftNormalisation =
    loss === "token-mean" ? { kind: loss, tokens: lossTokens } : { kind: loss, examples: examples.length };
  const parts: LossAndGradient[] = [];
  rows.forEach((row, microBatch) => {
    const lossOf = (logp: Tensor) => {
      const result = sftLoss(logp, row.sequenceOffsets, normalisation, options.weight);
      parts.push(result);
      return result;
    };
    runRow(model, row, options.train, lossOf, options.dropout?.(microBatch), options.later);
  });
  return {
    get loss() {
      return parts.reduce((sum, { loss }) => sum + loss, 0) / options.weight;
    },
    lossTokens,
    tokens: total(rows, (row) => row.tokens),
    pairs: 0,
  };
}

const total = (rows: readonly FlatRow[], count: (row: FlatRow) => number) =>
  rows.reduce((sum, row) => sum + count(row), 0);
