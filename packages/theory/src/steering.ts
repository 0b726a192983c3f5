/** The policies of the paper's methods for one problem, as a run's config would name them. */
import type { Policy } from "@outright/policies";
import { toyPolicy } from "./descent.js";
import type { Problem } from "./problem.js";
import { counterUniform } from "./random.js";
import type { Method } from "./result.js";
import type { Order } from "./sequential-bound.js";

export const ORDERS: readonly Order[] = ["dpo-sft", "sft-dpo"];

/** lambda and the optima are the problem's. @param run gives ALRIGHT other coins of the same seed */
export function policyOf(
  problem: Problem,
  method: Exclude<Method, "sequential">,
  steps: number,
  coinSeed = 0,
  run = 0,
): Policy {
  const { lambda } = problem.instance;
  const optima = { sft: problem.optima.sft.loss, dpo: problem.optima.dpo.loss };
  const config = method === "maxright" ? { name: method, lambda, optima } : { name: method, lambda };
  return toyPolicy(config, steps, counterUniform(coinSeed, `theory/coin/${run}`));
}

/** Half of the steps on each objective. */
export function sequentialPolicy(order: Order, steps: number): Policy {
  const stages = order.split("-").map((objective) => ({ objective, steps: steps / 2 }));
  return toyPolicy({ name: "sequential", stages }, steps);
}
