/**
 * Direct preference optimisation (Rafailov et al. 2023), sigmoid loss:
 * f_DPO(θ) = −E log σ(β log π_θ(y_w|x)/π_ref(y_w|x) − β log π_θ(y_l|x)/π_ref(y_l|x)) (paper section 2).
 */
import { dpoSigmoid, type LossAndGradient, type PairMetrics, Tensor } from "@outright/tensor";

export interface DpoSettings {
  beta: number;
  /** pairs of the whole optimizer step, by which the sum is divided */
  pairs: number;
  /** weight of this objective in the step */
  weight?: number;
}

/**
 * Loss (this micro-batch's part of it, times the weight), its gradient with respect to logp[N], and each pair's metrics.
 * @param offsets int32[2P+1]: sequences 2p and 2p+1 are pair p's chosen and rejected answers
 * @param reference log-probs of the 2P answers under the reference
 */
export function dpoLoss(
  logp: Tensor,
  offsets: Int32Array,
  reference: Float64Array,
  settings: DpoSettings,
): LossAndGradient & { pairs: PairMetrics[] } {
  const scale = (settings.weight ?? 1) / settings.pairs;
  return dpoSigmoid(logp, Tensor.from(logp.device, offsets), reference, { beta: settings.beta, scale });
}
