/**
 * Identity preference optimisation (Azar et al. 2023, arXiv 2310.12036, equation 17, with τ = β): the difference h of the
 * log-ratios to the reference is drawn to 1/(2β), from both sides.
 *
 *     ℓ = (h − 1/(2β))²   with h = m/β        ∂ℓ/∂m = (2/β) (h − 1/(2β))
 *
 * The log-ratios are means over tokens unless `lengthNormalised: false`: so the authors computed it, though the paper does
 * not say (and so does TRL).
 */
import type { OfMargin } from "./of-margin.js";

export function ipoLoss(margin: number, { beta }: { beta: number }): OfMargin {
  const gap = margin / beta - 1 / (2 * beta);
  return { loss: gap ** 2, slope: (2 * gap) / beta };
}
