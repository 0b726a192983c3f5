/**
 * Odds ratio preference optimisation (Hong et al. 2024, arXiv 2403.07691, equations 4, 6 and 7): no reference; the odds of
 * an answer are those of its geometric mean probability per token, a = log π(y|x) / |y|.
 *
 *     log odds(a) = a − log(1 − eᵃ)        ℓ = −λ log σ(log odds(a_w) − log odds(a_l))   with λ = β
 *     ∂ℓ/∂a_w = −λ / (u + e^(a_w − a_l) v)        ∂ℓ/∂a_l = −(u/v) ∂ℓ/∂a_w   with u = 1 − e^a_w, v = 1 − e^a_l
 *
 * The paper's loss is this and the NLL of the chosen answer, which the setting `nll` (here 1 unless told) adds. The
 * derivatives are written so that a chosen answer of probability 1 gives no 0 · ∞.
 */
import { logSigmoid } from "../logistic.js";

export interface OddsRatioLoss {
  loss: number;
  /** ∂loss/∂a_w and ∂loss/∂a_l */
  chosen: number;
  rejected: number;
}

/** @param chosen @param rejected mean log-probs per token, below 0 */
export function orpoLoss(chosen: number, rejected: number, { beta }: { beta: number }): OddsRatioLoss {
  const u = -Math.expm1(chosen);
  const v = -Math.expm1(rejected);
  const logOddsRatio = chosen - rejected - (Math.log(u) - Math.log(v));
  const slope = -beta / (u + Math.exp(chosen - rejected) * v);
  return { loss: -beta * logSigmoid(logOddsRatio), chosen: slope, rejected: -(u / v) * slope };
}
