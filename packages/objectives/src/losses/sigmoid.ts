/**
 * DPO's sigmoid loss (Rafailov et al. 2023, arXiv 2305.18290, equation 7), and with ε > 0 conservative DPO (Mitchell 2023,
 * "A note on DPO with noisy preferences"): a share ε of the pairs is taken to be the wrong way round.
 *
 *     ℓ(m) = −(1 − ε) log σ(m) − ε log σ(−m)        ℓ'(m) = −(1 − ε) σ(−m) + ε σ(m)
 *
 * The least loss lies at m = log((1 − ε)/ε), so that margins do not grow without end.
 */
import { logSigmoid, sigmoid } from "../logistic.js";
import type { OfMargin } from "./of-margin.js";

export function sigmoidLoss(margin: number, { labelSmoothing }: { labelSmoothing: number }): OfMargin {
  return crossEntropy(margin, 1 - labelSmoothing);
}

/** Cross-entropy of σ(m) to a target probability p that the chosen answer is the better one. */
export function crossEntropy(margin: number, p: number): OfMargin {
  return {
    loss: -p * logSigmoid(margin) - (1 - p) * logSigmoid(-margin),
    slope: -p * sigmoid(-margin) + (1 - p) * sigmoid(margin),
  };
}
