/** An instance with its losses, its optima and the two trade-offs that lambda can mean. */
import { dpoObjective } from "./dpo.js";
import type { Instance } from "./instance.js";
import { minimise } from "./newton.js";
import { type Objective, weightedSum } from "./objective.js";
import type { Point } from "./plane.js";
import { sftObjective } from "./sft.js";

export interface Optimum {
  theta: Point;
  /** The least loss, in nats. */
  loss: number;
}

export interface Problem {
  instance: Instance;
  sft: Objective;
  dpo: Objective;
  /** F = lambda f_DPO + (1 - lambda) f_SFT */
  mixture: Objective;
  optima: { sft: Optimum; dpo: Optimum; mixture: Optimum };
  /** argmin_theta max(lambda gap_DPO, (1 - lambda) gap_SFT): the weighted Chebyshev point */
  readonly minMax: Point;
  /** alpha_t = stepScale / sqrt(t). It is 1 / L for the larger L, so that no first step is too long. */
  stepScale: number;
}

/** @throws Error where an objective has no finite optimum. */
export function solveInstance(instance: Instance): Problem {
  const { lambda, reference } = instance;
  const [sft, dpo] = [sftObjective(instance), dpoObjective(instance)];
  const mixture = mixed(sft, dpo, lambda);
  const optima = {
    sft: optimum(sft, reference),
    dpo: optimum(dpo, reference),
    mixture: optimum(mixture, reference),
  };
  const stepScale = 1 / Math.max(sft.smoothness, dpo.smoothness);
  let minMax: Point | undefined;
  return {
    ...{ instance, sft, dpo, mixture, optima, stepScale },
    // found when it is first asked for: it costs more than all optima, and most random instances are refused before
    get minMax() {
      minMax ??= chebyshev(sft, dpo, optima, lambda);
      return minMax;
    },
  };
}

/** weight f_DPO + (1 - weight) f_SFT */
export const mixed = (sft: Objective, dpo: Objective, weight: number): Objective =>
  weightedSum([
    [weight, dpo],
    [1 - weight, sft],
  ]);

/** Gaps f(theta) - f* of both losses and of their mixture, and the larger weighted gap, in nats. */
export function gaps(
  problem: Problem,
  theta: Point,
): { sft: number; dpo: number; mixture: number; worst: number } {
  const { optima, instance } = problem;
  const [sft, dpo] = [problem.sft.loss(theta) - optima.sft.loss, problem.dpo.loss(theta) - optima.dpo.loss];
  return {
    sft,
    dpo,
    mixture: problem.mixture.loss(theta) - optima.mixture.loss,
    worst: Math.max(instance.lambda * dpo, (1 - instance.lambda) * sft),
  };
}

function optimum(f: Objective, start: Point): Optimum {
  const theta = minimise(f, start);
  return { theta, loss: f.loss(theta) };
}

/**
 * The min-max point is Pareto-optimal, so it minimises weight f_DPO + (1 - weight) f_SFT for some weight; as the weight grows,
 * gap_DPO falls and gap_SFT rises. Bisection finds where lambda gap_DPO = (1 - lambda) gap_SFT.
 */
export function chebyshev(
  sft: Objective,
  dpo: Objective,
  optima: { sft: Optimum; dpo: Optimum },
  lambda: number,
): Point {
  let [low, high] = [0, 1];
  let theta = optima.sft.theta;
  for (let middle = 0.5; middle !== low && middle !== high; middle = (low + high) / 2) {
    theta = minimise(mixed(sft, dpo, middle), theta);
    const dpoIsWorse =
      lambda * (dpo.loss(theta) - optima.dpo.loss) > (1 - lambda) * (sft.loss(theta) - optima.sft.loss);
    if (dpoIsWorse) low = middle;
    else high = middle;
  }
  return theta;
}
