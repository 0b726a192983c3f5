/**
 * Hinge loss on DPO's margin, as SLiC-HF has it on log-probs (Zhao et al. 2023, arXiv 2305.10425; Liu et al. 2024,
 * arXiv 2309.06657): a pair whose margin reached 1 teaches nothing more.
 *
 *     ℓ(m) = max(0, 1 − m)        ℓ'(m) = −1 where m < 1, else 0
 */
import type { OfMargin } from "./of-margin.js";

export function hingeLoss(margin: number): OfMargin {
  return margin < 1 ? { loss: 1 - margin, slope: -1 } : { loss: 0, slope: 0 };
}
