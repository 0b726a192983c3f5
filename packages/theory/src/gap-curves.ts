/** How far each method still is from what it aims at, after T steps. */
import { alrightGaps, type CoinRun, logLogSlope } from "./alright-gaps.js";
import { LEAST_STEPS } from "./assumptions.js";
import { descend } from "./descent.js";
import { LAST } from "./maxright-excess.js";
import { gaps, type Problem } from "./problem.js";
import type { TheoryResult } from "./result.js";
import { choices, stretches } from "./schedule.js";
import { sequentialGaps } from "./sequential-gaps.js";
import { ORDERS, policyOf, sequentialPolicy } from "./steering.js";

/** Ten to the half powers, even, so that two stages can share them. */
const TIMES = [10, 32, 100, 316, 1000, 3162, 10_000, 31_622, 100_000, 316_228, 1_000_000];
/** Mix and MAXRIGHT are followed step by step, which takes its time. */
const FOLLOWED = TIMES.filter((steps) => steps <= 100_000);
/** Runs of ALRIGHT that are averaged: more of them where they are short. */
const COIN_RUNS = [1e6, 1e6, ...Array<number>(6).fill(1e5), ...Array<number>(24).fill(1e4)];
/** The slope is fitted from this T on. */
export const FITTED_FROM = LEAST_STEPS;

type Curve = TheoryResult["curves"][number];

export function gapCurves(problem: Problem, coinSeed: number): Curve[] {
  return [
    ...ORDERS.map((order): Curve => {
      const schedules = TIMES.map((steps) => stretches(choices(sequentialPolicy(order, steps), steps)));
      return { method: "sequential", order, points: points(TIMES, sequentialGaps(problem, schedules)) };
    }),
    mixCurve(problem),
    alrightCurve(problem, coinSeed),
    maxrightCurve(problem),
  ];
}

function alrightCurve(problem: Problem, coinSeed: number): Curve {
  const runs = COIN_RUNS.map((steps, run): CoinRun => {
    return { choices: choices(policyOf(problem, "alright", steps, coinSeed, run), steps), offset: 0, steps };
  });
  const found = alrightGaps(problem, runs, TIMES);
  const first = TIMES.indexOf(FITTED_FROM);
  return {
    ...{ method: "alright", points: points(TIMES, found) },
    slope: logLogSlope(TIMES.slice(first), found.slice(first)),
  };
}

/** Of one run: what Mix decides at a step does not depend on how many steps come. */
function mixCurve(problem: Problem): Curve {
  const steps = FOLLOWED.at(-1)!;
  const found: number[] = [];
  const end = descend(problem, policyOf(problem, "mix", steps), steps, ({ step, theta }) => {
    if (FOLLOWED.includes(step - 1)) found.push(gaps(problem, theta).mixture);
  });
  found.push(gaps(problem, end).mixture);
  return { method: "mix", points: points(FOLLOWED, found) };
}

/** Of one run too; at each T the largest excess over the min-max point of the last fifth of the steps. */
function maxrightCurve(problem: Problem): Curve {
  const steps = FOLLOWED.at(-1)!;
  const least = gaps(problem, problem.minMax).worst;
  const excess: number[] = [];
  descend(problem, policyOf(problem, "maxright", steps), steps, ({ theta }) => {
    excess.push(gaps(problem, theta).worst - least);
  });
  const found = FOLLOWED.map((time) => Math.max(...excess.slice(Math.floor((1 - LAST) * time), time)));
  return { method: "maxright", points: points(FOLLOWED, found) };
}

const points = (times: readonly number[], found: readonly number[]): Curve["points"] =>
  times.map((steps, i) => ({ steps, gap: found[i]! }));
