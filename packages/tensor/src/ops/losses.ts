/** Loss kernels: log-probs in, loss and g = ∂loss/∂logp out. They end a graph, so nothing is recorded. */
import { Tensor } from "../tensor.js";

export interface LossAndGradient {
  /** Who reads it waits for the device, and for all losses that nobody has read yet. */
  readonly loss: number;
  /** ∂loss/∂logp, float32[N] */
  g: Tensor;
}

/** loss = −Σ weights · logp, summed in float64; weights float32[N]. */
export function sftNll(logp: Tensor, weights: Tensor): LossAndGradient {
  const g = Tensor.float32(logp.device, [logp.count]);
  logp.device.native.sftNll(logp.handle, weights.handle, g.handle, logp.count);
  const results = logp.device.results.expect(1);
  return {
    get loss() {
      return results()[0] as number;
    },
    g,
  };
}

/** Σ logp over each sequence in float64; offsets int32[S+1]. */
export function sequenceSums(logp: Tensor, offsets: Tensor): Float64Array {
  const sums = new Float64Array(offsets.count - 1);
  logp.device.native.sequenceSums(logp.handle, offsets.handle, sums, logp.count, sums.length);
  return sums;
}

/** What the DPO kernel tells of each pair. */
export interface PairMetrics {
  logpChosen: number;
  logpRejected: number;
  rewardChosen: number;
  rewardRejected: number;
  margin: number;
  /** −log σ(margin), unscaled */
  loss: number;
}

export interface DpoSigmoidOptions {
  beta: number;
  /** multiplies loss and gradient: weight / pairs of the whole optimizer step */
  scale: number;
}

/**
 * DPO's sigmoid loss (Rafailov et al. 2023, equation 7). Sequences 2p and 2p+1 are the chosen and rejected
 * answers of pair p (offsets int32[2P+1]); `reference` holds their 2P log-probs under the reference.
 * `loss` is the scaled sum.
 */
export function dpoSigmoid(
  logp: Tensor,
  offsets: Tensor,
  reference: Float64Array,
  options: DpoSigmoidOptions,
): LossAndGradient & { readonly pairs: PairMetrics[] } {
  const P = (offsets.count - 1) / 2;
  const g = Tensor.float32(logp.device, [logp.count]);
  logp.device.native.dpoSigmoid(
    logp.handle,
    offsets.handle,
    reference,
    g.handle,
    logp.count,
    P,
    options.beta,
    options.scale,
  );
  const metrics = logp.device.results.expect(METRICS * P);
  return {
    get loss() {
      const all = metrics();
      let sum = 0;
      for (let p = 0; p < P; p++) sum += all[METRICS * p + 5] as number;
      return options.scale * sum;
    },
    g,
    get pairs() {
      const all = metrics();
      return Array.from({ length: P }, (_, p) => pairMetrics(all.subarray(METRICS * p)));
    },
  };
}

/** Numbers that the kernel gives of each pair, in their order. */
const METRICS = 6;

function pairMetrics(metrics: Float64Array): PairMetrics {
  const [logpChosen, logpRejected, rewardChosen, rewardRejected, margin, loss] = metrics as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { logpChosen, logpRejected, rewardChosen, rewardRejected, margin, loss };
}
