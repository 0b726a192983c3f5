/**
 * Margin matching preference optimisation (Kim et al. 2024, arXiv 2410.03145): the Bradley–Terry probability of a pair's
 * quality margin q (the field `margin` of its row: how much better the chosen answer is) is the soft target of DPO's own.
 *
 *     p = σ(γ q)        ℓ(m) = −p log σ(m) − (1 − p) log σ(−m)        ℓ'(m) = −p σ(−m) + (1 − p) σ(m)
 *
 * γ is `marginScale`: how far a unit of quality decides. The least loss lies at m = γ q; q = 0 says that both are as good.
 */
import { sigmoid } from "../logistic.js";
import type { OfMargin } from "./of-margin.js";
import { crossEntropy } from "./sigmoid.js";

export function mmpoLoss(
  margin: number,
  quality: number,
  { marginScale }: { marginScale: number },
): OfMargin {
  return crossEntropy(margin, sigmoid(marginScale * quality));
}
