/** The loss of one pair from the log-probs of its two answers, and its derivatives by them: plain float64 numbers. */
import type { PairMetrics } from "@outright/tensor";
import { hingeLoss } from "./losses/hinge.js";
import { ipoLoss } from "./losses/ipo.js";
import { mmpoLoss } from "./losses/mmpo.js";
import type { OfMargin } from "./losses/of-margin.js";
import { orpoLoss } from "./losses/orpo.js";
import { robustLoss } from "./losses/robust.js";
import { sigmoidLoss } from "./losses/sigmoid.js";
import { simpoLoss } from "./losses/simpo.js";
import { type PreferenceLoss, usesReference } from "./settings.js";

export interface Answer {
  /** Σ log π over its tokens */
  logp: number;
  /** the same under the reference; not read where the loss has none */
  reference: number;
  /** loss tokens */
  tokens: number;
}

export interface Pair {
  chosen: Answer;
  rejected: Answer;
  /** how much better the chosen answer is, as the data say; read by mmpo only */
  quality: number;
}

/** Without the NLL term, which is one of the whole step. */
export interface PairLoss extends PairMetrics {
  /** ∂loss/∂logp of either answer, the sum over its tokens */
  slopeChosen: number;
  slopeRejected: number;
}

/**
 * Rewards are what the loss compares, times β: log-ratios to the reference (DPO's implicit rewards), or log-probs where there is
 * none; means over tokens where the loss takes those. Their difference is the margin.
 */
export function pairLoss({ chosen, rejected, quality }: Pair, settings: PreferenceLoss): PairLoss {
  const scaleChosen = settings.beta / divisor(chosen, settings);
  const scaleRejected = settings.beta / divisor(rejected, settings);
  const compared = ({ logp, reference }: Answer) => (usesReference(settings.loss) ? logp - reference : logp);
  const rewardChosen = scaleChosen * compared(chosen);
  const rewardRejected = scaleRejected * compared(rejected);
  const margin = rewardChosen - rewardRejected;
  const metrics = {
    logpChosen: chosen.logp,
    logpRejected: rejected.logp,
    rewardChosen,
    rewardRejected,
    margin,
  };
  if (settings.loss === "orpo") {
    const [w, l] = [Math.max(1, chosen.tokens), Math.max(1, rejected.tokens)];
    const ratio = orpoLoss(chosen.logp / w, rejected.logp / l, settings);
    return { ...metrics, loss: ratio.loss, slopeChosen: ratio.chosen / w, slopeRejected: ratio.rejected / l };
  }
  const { loss, slope } = lossOfMargin(margin, quality, settings);
  return { ...metrics, loss, slopeChosen: slope * scaleChosen, slopeRejected: -slope * scaleRejected };
}

function lossOfMargin(
  margin: number,
  quality: number,
  settings: Exclude<PreferenceLoss, { loss: "orpo" }>,
): OfMargin {
  switch (settings.loss) {
    case "sigmoid":
      return sigmoidLoss(margin, settings);
    case "robust":
      return robustLoss(margin, settings);
    case "hinge":
      return hingeLoss(margin);
    case "ipo":
      return ipoLoss(margin, settings);
    case "mmpo":
      return mmpoLoss(margin, quality, settings);
    case "simpo":
      return simpoLoss(margin, settings);
  }
}

/** An answer without tokens, as a single token without a prompt is, has a log-prob of 0 and is divided by 1. */
function divisor({ tokens }: Answer, settings: PreferenceLoss): number {
  const isMean = "lengthNormalised" in settings ? settings.lengthNormalised : true;
  return isMean ? Math.max(1, tokens) : 1;
}
