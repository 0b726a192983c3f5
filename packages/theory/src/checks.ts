/** The three statements of the theory as checks of one instance; each can fail. */
import type { Policy } from "@outright/policies";
import { alrightGaps, type CoinRun, logLogSlope } from "./alright-gaps.js";
import { LEAST_STEPS } from "./assumptions.js";
import { maxrightEnd } from "./maxright-excess.js";
import type { Problem } from "./problem.js";
import type { Stretch } from "./schedule.js";
import { type Order, sequentialBound } from "./sequential-bound.js";
import { sequentialGaps } from "./sequential-gaps.js";

/** ALRIGHT's gap must fall at least this fast in log-log; T^-1/2 up to the logarithm is the theorem's. */
export const SLOPE = -0.4;
/** MAXRIGHT may be this many steps' worth away from the min-max point. */
export const STEPS_AWAY = 2;
/** Sequential's gap at the largest T is the gap at the last objective's optimum, within this share of it. */
const LIMIT_TOLERANCE = 0.01;

/**
 * Theorem 3.3: the gap stays above a constant that is known beforehand, and goes to that of the last objective's optimum.
 * @param schedules the policy's decisions for each T >= LEAST_STEPS, ascending
 */
export function checkSequential(
  problem: Problem,
  order: Order,
  schedules: readonly (readonly Stretch[])[],
): { holds: boolean; constant: number; limit: number; gaps: number[] } {
  const { constant, limit } = sequentialBound(problem, order, LEAST_STEPS);
  const gaps = sequentialGaps(problem, schedules);
  const isAbove = constant > 0 && gaps.every((gap) => gap >= constant);
  const arrives = Math.abs(gaps.at(-1)! - limit) <= LIMIT_TOLERANCE * limit;
  return { holds: isAbove && arrives, constant, limit, gaps };
}

/** Theorem 4.1: the gap vanishes, as T^-1/2 up to a logarithm. */
export function checkAlright(
  problem: Problem,
  runs: readonly CoinRun[],
  times: readonly number[],
): { holds: boolean; slope: number; gaps: number[] } {
  const gaps = alrightGaps(problem, runs, times);
  const slope = logLogSlope(times, gaps);
  return { holds: slope <= SLOPE, slope, gaps };
}

/** MAXRIGHT ends at the weighted min-max point, as near as its step size lets it. */
export function checkMaxright(
  problem: Problem,
  policy: Policy,
  steps: number,
): { holds: boolean; excess: number; step: number } {
  const { excess, step } = maxrightEnd(problem, policy, steps);
  return { holds: excess <= STEPS_AWAY * step, excess, step };
}
