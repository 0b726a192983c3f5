/**
 * What a random instance must meet; all that the theory tests assume stands here, and is checked before any method runs.
 *
 * 1. *Strict convexity.* At its own optimum, the least curvature of each loss is at least CURVATURE of the smoothness that sets the
 *    step size: the features span the plane, and no loss is so flat that 100 steps do nothing to it.
 * 2. *Optima inside Theta.* Both optima lie within half its radius; so does, by far, the Pareto arc between them that
 *    holds the mixture optimum and the min-max point.
 * 3. *Conflict.* At either optimum the other loss still has a gradient: grad f_DPO(theta*_SFT) != 0 and the reverse, by a margin.
 *    This is what makes the constant of Theorem 3.3 positive at all.
 * 4. *Stage 2 has time.* The constant of `sequentialBound` for T = LEAST_STEPS is at least a quarter of where the gap goes in the end.
 *    (For worse conditioned instances the constant is positive as well, but only from a larger T on.)
 * 5. *Both trade-offs are visible.* The mixture optimum is neither of both optima by a margin of the loss, and the points that
 *    lambda and 1 - lambda stand for in the min-max differ.
 */
import { distance, eigenvalues, norm } from "./plane.js";
import { chebyshev, gaps, type Problem } from "./problem.js";
import { sequentialBound } from "./sequential-bound.js";

/** The smallest T that Sequential's constant is computed for. */
export const LEAST_STEPS = 100;
const CURVATURE = 0.05;
const CONFLICT = 0.05;
const VISIBLE = 1e-3;

/** The first assumption that the instance breaks, in words; undefined where it meets all. */
export function brokenAssumption(problem: Problem): string | undefined {
  const { instance, optima, stepScale } = problem;
  for (const [name, other] of [
    ["sft", "dpo"],
    ["dpo", "sft"],
  ] as const) {
    const { theta } = optima[name];
    if (eigenvalues(problem[name].hessian(theta))[0] * stepScale < CURVATURE) return `${name} is too flat`;
    if (norm(theta) > instance.radius / 2) return `the optimum of ${name} is too far out`;
    if (norm(problem[other].gradient(theta)) < CONFLICT) return `${other} has no quarrel with ${name}`;
  }
  const { constant, limit } = sequentialBound(problem, "dpo-sft", LEAST_STEPS);
  if (constant < limit / 4) return `stage 2 is too slow for a constant from T = ${LEAST_STEPS} on`;
  if (limit < VISIBLE || gaps(problem, optima.dpo.theta).mixture < VISIBLE) {
    return "the mixture optimum is too near to one of both optima";
  }
  const swapped = chebyshev(problem.sft, problem.dpo, optima, 1 - instance.lambda);
  if (distance(swapped, problem.minMax) < 0.1 * distance(optima.sft.theta, optima.dpo.theta)) {
    return "lambda and 1 - lambda stand for nearly the same point";
  }
  return undefined;
}
