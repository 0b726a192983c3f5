/** Fills a reference cache: one forward pass over the pairs that are missing. */
import { type Examples, type PairExample, packPairs } from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { scope, sequenceSums, Tensor } from "@outright/tensor";
import { rowLogprobs } from "../forward.js";
import type { ReferenceCache } from "./cache.js";

/** Pairs per save, so that an interrupted pass loses little. */
const PAIRS_PER_SAVE = 512;

/**
 * Computes Σ log π_ref of both answers of the given pairs and saves the cache.
 * @param onProgress told pairs done; may throw to stop
 */
export async function computeReference(
  cache: ReferenceCache,
  reference: LanguageModel,
  examples: Examples<PairExample>,
  missing: readonly number[],
  tokensPerMicroBatch: number,
  onProgress: (done: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < missing.length; from += PAIRS_PER_SAVE) {
    const part = missing.slice(from, from + PAIRS_PER_SAVE);
    let next = 0;
    const pairs = part.map((row) => examples.example(row) as PairExample);
    for (const row of packPairs(pairs, tokensPerMicroBatch, { sharedPrompt: true })) {
      const sums = scope(() =>
        sequenceSums(rowLogprobs(reference, row), Tensor.from(reference.device, row.sequenceOffsets)),
      );
      for (let p = 0; p < row.rows.length; p++, next++) {
        const index = part[next] as number;
        cache.chosen[index] = sums[2 * p] as number;
        cache.rejected[index] = sums[2 * p + 1] as number;
      }
      await onProgress(from + next);
    }
    cache.save();
  }
}
