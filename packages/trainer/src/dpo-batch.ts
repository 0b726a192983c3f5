/** One batch of preference pairs under DPO's own loss, with cached reference log-probs. */
import type { PairExample } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { completeLoss } from "@outright/objectives";
import type { BatchOptions, BatchResult } from "./batch-result.js";
import { runPairBatch } from "./pair-batch.js";

/** @param reference log-probs under the reference: chosen and rejected answer of each pair in turn, float64[2P] */
export function runDpoBatch(
  model: LanguageModel,
  examples: readonly PairExample[],
  reference: Float64Array,
  beta: number,
  options: BatchOptions,
): BatchResult {
  return runPairBatch(model, examples, { reference, quality: null }, completeLoss({ beta }), options);
}
