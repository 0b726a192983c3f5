/** What a toy problem is: features, SFT answers, preference pairs, and the weight of DPO. */
import type { Point } from "./plane.js";

/**
 * The policy is pi_theta(y|x) = exp(theta . phi_{y,x}) / sum_y' exp(theta . phi_{y',x}) with theta in R^2 (the softmax form of
 * Fernando et al., arXiv 2410.15483, section 3).
 */
export interface Instance {
  /** features[x][y] = phi_{y,x}: at least two answers y for every prompt x. */
  features: readonly (readonly Point[])[];
  /** labels[x][y]: share of the SFT rows that answer prompt x with y. All of them sum to 1. */
  labels: readonly (readonly number[])[];
  /** The preference data; the weights sum to 1. */
  pairs: readonly Pair[];
  /** Of the DPO loss. */
  beta: number;
  /** theta_ref, and where every run begins. */
  reference: Point;
  /** Weight of DPO in the mixture and in the min-max point, in (0, 1). */
  lambda: number;
  /** Parameters stay in the ball Theta of this radius around 0: each step ends with a projection onto it. */
  radius: number;
}

/** One row of preference data: of prompt x, answer `chosen` was preferred to answer `rejected`. */
export interface Pair {
  prompt: number;
  chosen: number;
  rejected: number;
  weight: number;
}

/** phi_chosen - phi_rejected */
export function difference(instance: Instance, pair: Pair): Point {
  const answers = instance.features[pair.prompt]!;
  const [chosen, rejected] = [answers[pair.chosen]!, answers[pair.rejected]!];
  return [chosen[0] - rejected[0], chosen[1] - rejected[1]];
}
