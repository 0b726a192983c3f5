/** The same losses in plain float64 TypeScript: the slow, clear version that the kernels are tested against. */
import { logSigmoid } from "./logistic.js";
import { type SftNormalisation, sftWeights } from "./sft.js";

export interface OracleLoss {
  loss: number;
  /** ∂loss/∂logp */
  g: Float64Array;
}

export function sftOracle(
  logp: ArrayLike<number>,
  offsets: Int32Array,
  normalisation: SftNormalisation,
  weight = 1,
): OracleLoss {
  const weights = sftWeights(offsets, normalisation, weight);
  let loss = 0;
  for (let n = 0; n < weights.length; n++) loss -= (weights[n] ?? 0) * (logp[n] ?? 0);
  return { loss, g: Float64Array.from(weights, (w) => -w) };
}

export function dpoOracle(
  logp: ArrayLike<number>,
  offsets: Int32Array,
  reference: ArrayLike<number>,
  { beta, pairs, weight = 1 }: { beta: number; pairs: number; weight?: number },
): OracleLoss & { margins: number[] } {
  const span = (s: number) => [offsets[s] ?? 0, offsets[s + 1] ?? 0] as const;
  const reward = (s: number) => {
    const [from, to] = span(s);
    let sum = 0;
    for (let n = from; n < to; n++) sum += logp[n] ?? 0;
    return beta * (sum - (reference[s] ?? 0));
  };
  const g = new Float64Array(offsets.at(-1) ?? 0);
  const margins: number[] = [];
  let loss = 0;
  for (let p = 0; 2 * p + 2 < offsets.length; p++) {
    const margin = reward(2 * p) - reward(2 * p + 1);
    margins.push(margin);
    loss -= (weight / pairs) * logSigmoid(margin);
    const slope = ((weight / pairs) * beta) / (1 + Math.exp(margin));
    g.fill(-slope, ...span(2 * p));
    g.fill(slope, ...span(2 * p + 1));
  }
  return { loss, g, margins };
}
