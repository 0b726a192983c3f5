/**
 * Simple preference optimisation (Meng et al. 2024, arXiv 2405.14734, equation 6): no reference; rewards are mean log-probs
 * of a token, times β, and the chosen answer's is to be ahead by a target margin γ (`margin`).
 *
 *     m = β/|y_w| log π(y_w|x) − β/|y_l| log π(y_l|x)        ℓ(m) = −log σ(m − γ)        ℓ'(m) = −σ(γ − m)
 *
 * γ is TRL's `simpo_gamma`; the authors' code sets γ/β (`gamma_beta_ratio`).
 */
import { logSigmoid, sigmoid } from "../logistic.js";
import type { OfMargin } from "./of-margin.js";

export function simpoLoss(margin: number, { margin: target }: { margin: number }): OfMargin {
  return { loss: -logSigmoid(margin - target), slope: -sigmoid(target - margin) };
}
