/** How far MAXRIGHT still is from the weighted min-max point, and how far its steps alone keep it. */
import type { Policy } from "@outright/policies";
import { descend } from "./descent.js";
import { norm, type Point } from "./plane.js";
import { gaps, type Problem } from "./problem.js";

/** The share of the steps, at the end, over which the excess is looked at. */
export const LAST = 0.2;

export interface MaxrightEnd {
  theta: Point;
  /** The largest max(lambda gap_DPO, (1 - lambda) gap_SFT) of the last fifth of the steps, less the least possible, in nats. */
  excess: number;
  /** What one step of that time can be worth at the min-max point, in nats. */
  step: number;
}

/**
 * MAXRIGHT has no convergence theorem in the paper, but this follows from the usual argument for subgradients. With h(theta) = max_i w_i gap_i
 * and i the objective trained, f_i(theta) - f_i(theta#) = (h(theta) - h#) / w_i at the min-max point theta#, where all weighted gaps are
 * equal. So each step, though its gradient is not weighted, brings theta nearer to theta# while h - h# is more than a step's worth:
 *
 *     |theta_{t+1} - theta#|^2 <= |theta_t - theta#|^2 - 2 alpha_t (h(theta_t) - h#) / w_i + alpha_t^2 |grad f_i|^2.
 *
 * In the end it walks to and fro over the line of equal weighted gaps. A step on i changes w_j f_j by
 * alpha w_j grad f_i . grad f_j to first order: the largest of these is `step`.
 */
export function maxrightEnd(problem: Problem, policy: Policy, steps: number): MaxrightEnd {
  const { lambda } = problem.instance;
  const least = gaps(problem, problem.minMax).worst;
  const from = Math.floor((1 - LAST) * steps);
  let excess = Number.NEGATIVE_INFINITY;
  const theta = descend(problem, policy, steps, (at) => {
    if (at.step > from) excess = Math.max(excess, gaps(problem, at.theta).worst - least);
  });
  excess = Math.max(excess, gaps(problem, theta).worst - least);
  const [sft, dpo] = [norm(problem.sft.gradient(problem.minMax)), norm(problem.dpo.gradient(problem.minMax))];
  const alpha = problem.stepScale / Math.sqrt(from + 1);
  const step = alpha * Math.max(sft, dpo) * Math.max(lambda * dpo, (1 - lambda) * sft);
  return { theta, excess, step };
}
