/** Any preference loss over a micro-batch of pairs: log-probs in, loss, metrics and g = ∂loss/∂logp out. */
import { type LossAndGradient, type PairMetrics, sequenceSums, Tensor } from "@outright/tensor";
import { dpoLoss } from "./dpo.js";
import { pairLoss } from "./pair.js";
import type { PreferenceLoss } from "./settings.js";

/** What a loss needs to know of P pairs beside the policy's log-probs; of the whole step or of a part of it. */
export interface PairFacts {
  /** [2P] log-probs of chosen and rejected answers under the reference; null where the loss has none */
  reference: Float64Array | null;
  /** [P] quality margins of the rows; null where the loss has none */
  quality: Float64Array | null;
}

/** What sums are divided by: counts of the whole optimizer step, never of one micro-batch. */
export interface PairCounts {
  pairs: number;
  /** loss tokens of the chosen answers */
  chosenTokens: number;
}

/** Facts of pairs `from` … `to`-1. */
export function partOf({ reference, quality }: PairFacts, from: number, to: number): PairFacts {
  return {
    reference: reference?.subarray(2 * from, 2 * to) ?? null,
    quality: quality?.subarray(from, to) ?? null,
  };
}

/**
 *     Σ pairs ℓ(pair) / pairs  +  nll · Σ chosen tokens −log π / chosen tokens
 *
 * as far as this micro-batch goes, times `weight`; its gradient with respect to logp[N], which is the same for all tokens of
 * an answer; and each pair's metrics, whose `loss` is ℓ(pair) alone. The second term is the mean −log-prob of a chosen token of
 * the step (TRL: loss type `sft`, CPO's and ORPO's NLL). DPO's own loss goes through its kernel. Where the loss is not finite no
 * update is to be made of it: nor is the gradient then.
 * @param offsets int32[2P+1]: sequences 2p and 2p+1 are pair p's chosen and rejected answers
 */
export function preferenceLoss(
  logp: Tensor,
  offsets: Int32Array,
  { reference, quality }: PairFacts,
  settings: PreferenceLoss,
  { pairs: stepPairs, chosenTokens }: PairCounts,
  weight = 1,
): LossAndGradient & { pairs: PairMetrics[] } {
  if (isPlainDpo(settings) && reference !== null) {
    return dpoLoss(logp, offsets, reference, { beta: settings.beta, pairs: stepPairs, weight });
  }
  const sums = sequenceSums(logp, Tensor.from(logp.device, offsets));
  const tokens = (s: number) => (offsets[s + 1] as number) - (offsets[s] as number);
  const answer = (s: number) => ({
    logp: sums[s] as number,
    reference: reference?.[s] ?? 0,
    tokens: tokens(s),
  });
  const scale = weight / stepPairs;
  const nll = settings.nll === 0 ? 0 : (weight * settings.nll) / Math.max(1, chosenTokens);
  const g = new Float32Array(logp.count);
  const pairs: PairMetrics[] = [];
  let loss = 0;
  for (let p = 0; 2 * p < sums.length; p++) {
    const pair = { chosen: answer(2 * p), rejected: answer(2 * p + 1), quality: quality?.[p] ?? 0 };
    const { slopeChosen, slopeRejected, ...metrics } = pairLoss(pair, settings);
    pairs.push(metrics);
    loss += scale * metrics.loss - nll * pair.chosen.logp;
    g.fill(scale * slopeChosen - nll, offsets[2 * p], offsets[2 * p + 1]);
    g.fill(scale * slopeRejected, offsets[2 * p + 1], offsets[2 * p + 2]);
  }
  if (!Number.isFinite(loss)) g.fill(Number.NaN);
  return { loss, g: Tensor.from(logp.device, g), pairs };
}

function isPlainDpo(settings: PreferenceLoss): boolean {
  const { loss, nll } = settings;
  return loss === "sigmoid" && nll === 0 && settings.labelSmoothing === 0 && !settings.lengthNormalised;
}
