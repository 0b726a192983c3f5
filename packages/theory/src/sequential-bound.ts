/**
 * The constant below which Sequential's gap to the mixture optimum never falls, known before any step is taken (the
 * content of Theorem 3.3 of Fernando et al., arXiv 2410.15483, made quantitative for one instance).
 *
 * Stage 2 goes to the optimum of the last objective f whatever stage 1 did. One projected step of size alpha <= 1/L takes
 * theta to theta* + (I - alpha A)(theta - theta*) or nearer, where A, the mean Hessian along the segment to theta*, has
 * eigenvalues in [mu phi(rho d), L]: d is the distance to theta*, mu the least eigenvalue of the Hessian at theta*, rho the
 * objective's `variation`, phi(x) = (1 - e^-x) / x (Bach 2010, Proposition 1, integrated). So
 *
 *     d_{t+1} <= d_t (1 - alpha_t mu phi(rho d_t)),
 *
 * and F, being convex, is at least F(theta*) - |grad F(theta*)| d_n when n steps are done. More steps bring only
 * smaller d_n: a constant for T_min holds for every T >= T_min.
 */

import type { Objective } from "./objective.js";
import { distance, eigenvalues, norm, type Point } from "./plane.js";
import type { Optimum, Problem } from "./problem.js";

/** The objective of stage 1 and that of stage 2. */
export type Order = "dpo-sft" | "sft-dpo";

export interface SequentialBound {
  /** Sequential's gap is at least this for every T >= leastSteps; of use where it is above 0. */
  constant: number;
  /** F(theta*) - F* at the optimum of the last objective: where the gap goes as T grows. */
  limit: number;
  /** Bound on the distance from the end of stage 2 to that optimum. */
  distance: number;
}

/** @param leastSteps the smallest T; each stage has half of it. */
export function sequentialBound(problem: Problem, order: Order, leastSteps: number): SequentialBound {
  const { optima, mixture, instance, stepScale } = problem;
  const [first, last] = order === "dpo-sft" ? (["dpo", "sft"] as const) : (["sft", "dpo"] as const);
  const steps = Math.floor(leastSteps / 2);
  const [middle, end] = [optima[first], optima[last]];
  const afterFirst = contracted(
    problem[first],
    middle,
    distance(instance.reference, middle.theta),
    stepScale,
    steps,
  );
  const between = Math.min(afterFirst + distance(middle.theta, end.theta), instance.radius + norm(end.theta));
  const afterLast = contracted(problem[last], end, between, stepScale, steps);
  const limit = mixture.loss(end.theta) - optima.mixture.loss;
  return { limit, distance: afterLast, constant: limit - norm(mixture.gradient(end.theta)) * afterLast };
}

/** Bound on the distance to the optimum after `steps` steps that begin at most `from` away. */
export function contracted(
  f: Objective,
  { theta }: { theta: Point } | Optimum,
  from: number,
  stepScale: number,
  steps: number,
): number {
  const mu = eigenvalues(f.hessian(theta))[0];
  let d = from;
  for (let t = 1; t <= steps; t++) d *= 1 - (stepScale / Math.sqrt(t)) * mu * phi(f.variation * d);
  return d;
}

/** (1 - e^-x) / x */
function phi(x: number): number {
  return x === 0 ? 1 : -Math.expm1(-x) / x;
}
