/** The methods' paths, thinned to what can be seen. */
import type { Policy } from "@outright/policies";
import { descend } from "./descent.js";
import { distance, type Point } from "./plane.js";
import { gaps, type Problem } from "./problem.js";
import type { Place, TheoryResult } from "./result.js";
import { ORDERS, policyOf, sequentialPolicy } from "./steering.js";

const STEPS = 8000;
/** Of the step size that the theory speaks of: so small that single steps hardly show. */
export const PATH_SCALE = 0.2;
/** Points of a path are at least the width of the picture by this apart. */
const APART = 400;

type Path = TheoryResult["paths"][number];

export function placeOf(problem: Problem, theta: Point): Place {
  const { sft, dpo, mixture } = gaps(problem, theta);
  return { x: theta[0], y: theta[1], sftGap: sft, dpoGap: dpo, mixtureGap: mixture };
}

export function methodPaths(problem: Problem, coinSeed: number): Path[] {
  const slow = { ...problem, stepScale: PATH_SCALE * problem.stepScale };
  const follow = (policy: Policy): Pick<Path, "steps" | "points"> => {
    const visited: { step: number; theta: Point }[] = [];
    const end = descend(slow, policy, STEPS, ({ step, theta }) => visited.push({ step: step - 1, theta }));
    visited.push({ step: STEPS, theta: end });
    return {
      steps: STEPS,
      points: thinned(visited).map(({ step, theta }) => ({ step, ...placeOf(problem, theta) })),
    };
  };
  return [
    ...ORDERS.map(
      (order): Path => ({ method: "sequential", order, ...follow(sequentialPolicy(order, STEPS)) }),
    ),
    ...(["mix", "alright", "maxright"] as const).map(
      (method): Path => ({ method, ...follow(policyOf(problem, method, STEPS, coinSeed)) }),
    ),
  ];
}

/** Points that lie far enough from the last one kept to be seen apart; the first, the middle and the last stay. */
function thinned<P extends { step: number; theta: Point }>(visited: readonly P[]): P[] {
  const xs = visited.map(({ theta }) => theta[0]);
  const ys = visited.map(({ theta }) => theta[1]);
  const size = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const kept: P[] = [];
  for (const at of visited) {
    const last = kept.at(-1);
    const isStage = at.step === STEPS / 2 || at.step === STEPS;
    if (last === undefined || isStage || distance(last.theta, at.theta) >= size / APART) kept.push(at);
  }
  return kept;
}
