/**
 * Robust DPO (Chowdhury et al. 2024, arXiv 2403.00409): where a share ε of the pairs was labelled the wrong way
 * round, its mean is the mean of the sigmoid loss over pairs that are labelled right.
 *
 *     ℓ(m) = [−(1 − ε) log σ(m) + ε log σ(−m)] / (1 − 2ε)        ℓ'(m) = −[(1 − ε) σ(−m) + ε σ(m)] / (1 − 2ε)
 *
 * A single pair's loss may be negative.
 */
import { logSigmoid, sigmoid } from "../logistic.js";
import type { OfMargin } from "./of-margin.js";

export function robustLoss(
  margin: number,
  { labelSmoothing: flipped }: { labelSmoothing: number },
): OfMargin {
  const unbiased = 1 - 2 * flipped;
  return {
    loss: (-(1 - flipped) * logSigmoid(margin) + flipped * logSigmoid(-margin)) / unbiased,
    slope: -((1 - flipped) * sigmoid(-margin) + flipped * sigmoid(margin)) / unbiased,
  };
}
