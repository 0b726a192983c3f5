/**
 * Supervised fine-tuning: the negative log-likelihood of the response tokens,
 * f_SFT(θ) = −E log π_θ(y | x) (paper section 2).
 */
import { type LossAndGradient, sftNll, Tensor } from "@outright/tensor";

/**
 * What the sum over tokens is divided by. Counts are those of the whole optimizer step, never of one micro-batch.
 * - token-mean: every loss token of the step counts the same
 * - example-mean: every example counts the same, its tokens share its weight
 */
export type SftNormalisation =
  | { kind: "token-mean"; tokens: number }
  | { kind: "example-mean"; examples: number };

/**
 * Per-token weights w[N] with loss = −Σ w · logp, and so g = −w.
 * @param offsets int32[S+1]: loss tokens offsets[s] … offsets[s+1] belong to example s
 */
export function sftWeights(offsets: Int32Array, normalisation: SftNormalisation, weight = 1): Float32Array {
  const weights = new Float32Array(offsets.at(-1) ?? 0);
  for (let s = 0; s + 1 < offsets.length; s++) {
    const from = offsets[s] ?? 0;
    const to = offsets[s + 1] ?? 0;
    const share =
      normalisation.kind === "token-mean"
        ? 1 / normalisation.tokens
        : 1 / (normalisation.examples * (to - from));
    weights.fill(weight * share, from, to);
  }
  return weights;
}

/** Loss (this micro-batch's part of it, times `weight`) and its gradient with respect to logp[N]. */
export function sftLoss(
  logp: Tensor,
  offsets: Int32Array,
  normalisation: SftNormalisation,
  weight = 1,
): LossAndGradient {
  return sftNll(logp, Tensor.from(logp.device, sftWeights(offsets, normalisation, weight)));
}
