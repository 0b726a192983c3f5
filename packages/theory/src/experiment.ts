/** Everything that `outright theory` shows of one problem. */
import { LEAST_STEPS } from "./assumptions.js";
import { exampleInstance } from "./example.js";
import { FITTED_FROM, gapCurves } from "./gap-curves.js";
import { randomProblem } from "./generate.js";
import { maxrightEnd } from "./maxright-excess.js";
import { minimise } from "./newton.js";
import { methodPaths, PATH_SCALE, placeOf } from "./paths.js";
import { drawnGrid } from "./plane-grid.js";
import { mixed, type Problem, solveInstance } from "./problem.js";
import type { TheoryResult } from "./result.js";
import { sequentialBound } from "./sequential-bound.js";
import { ORDERS, policyOf } from "./steering.js";

const FRONT_POINTS = 101;
const MAXRIGHT_STEPS = 10_000;

/**
 * @param lambda in (0, 1)
 * @param seed of a random instance and of ALRIGHT's coins; undefined: the built-in example, coins of seed 0
 * @throws Error where lambda is not in (0, 1), or is so extreme that no random instance meets the assumptions
 */
export function theoryExperiment(lambda: number, seed?: number): TheoryResult {
  if (!(lambda > 0 && lambda < 1)) {
    throw new Error(
      `theory: lambda ${lambda} is not between 0 and 1; at 0 and at 1 there is nothing to trade`,
    );
  }
  const problem = seed === undefined ? solveInstance(exampleInstance(lambda)) : randomProblem(seed, lambda);
  return measured(problem, seed);
}

function measured(problem: Problem, seed: number | undefined): TheoryResult {
  const { instance, optima, stepScale, minMax } = problem;
  const coinSeed = seed ?? 0;
  const marks = {
    start: placeOf(problem, instance.reference),
    sft: placeOf(problem, optima.sft.theta),
    dpo: placeOf(problem, optima.dpo.theta),
    mixture: placeOf(problem, optima.mixture.theta),
    minMax: placeOf(problem, minMax),
  };
  const paths = methodPaths(problem, coinSeed);
  const { excess, step } = maxrightEnd(
    problem,
    policyOf(problem, "maxright", MAXRIGHT_STEPS),
    MAXRIGHT_STEPS,
  );
  return {
    ...{ kind: "outright-theory", version: 1, seed: seed ?? null, instance, stepScale },
    ...{ pathStepScale: PATH_SCALE * stepScale, marks, paths },
    front: front(problem),
    grid: drawnGrid(problem, [...Object.values(marks), ...paths.flatMap((path) => path.points)]),
    curves: gapCurves(problem, coinSeed),
    fittedFrom: FITTED_FROM,
    bounds: ORDERS.map((order) => {
      const { constant, limit } = sequentialBound(problem, order, LEAST_STEPS);
      return { order, leastSteps: LEAST_STEPS, constant, limit };
    }),
    maxright: { steps: MAXRIGHT_STEPS, excess, step },
  };
}

function front(problem: Problem): TheoryResult["front"] {
  let theta = problem.optima.sft.theta;
  return Array.from({ length: FRONT_POINTS }, (_, i) => {
    const weight = i / (FRONT_POINTS - 1);
    theta = minimise(mixed(problem.sft, problem.dpo, weight), theta);
    return { weight, ...placeOf(problem, theta) };
  });
}
