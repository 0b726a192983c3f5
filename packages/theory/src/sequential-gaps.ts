/** The gap at the end of Sequential for many T, in little more time than the longest alone. */
import { type Flat, flatDpo, flatSft, flatStep } from "./flat.js";
import type { Point } from "./plane.js";
import { gaps, type Problem } from "./problem.js";
import type { Stretch } from "./schedule.js";

/**
 * @param schedules for each T, in ascending order, the stretches that the policy decided on.
 * @returns theta at the end of each. Where one begins as the one before did, but longer, it goes on from there.
 */
export function sequentialEnds(problem: Problem, schedules: readonly (readonly Stretch[])[]): Point[] {
  const flats = { sft: flatSft(problem.instance), dpo: flatDpo(problem.instance) };
  const { reference, radius } = problem.instance;
  let begun: { objective: string; steps: number; theta: Float64Array } | undefined;
  return schedules.map((schedule) => {
    const [first, ...later] = schedule;
    if (first === undefined) throw new Error("theory: a schedule without steps");
    if (begun === undefined || begun.objective !== first.objective || begun.steps > first.steps) {
      begun = { objective: first.objective, steps: 0, theta: Float64Array.from(reference) };
    }
    advance(flats[first.objective], begun.theta, begun.steps + 1, first.steps, problem.stepScale, radius);
    begun.steps = first.steps;
    const theta = begun.theta.slice();
    let t = first.steps;
    for (const { objective, steps, fresh } of later) {
      if (fresh) t = 0;
      advance(flats[objective], theta, t + 1, t + steps, problem.stepScale, radius);
      t += steps;
    }
    return [theta[0]!, theta[1]!];
  });
}

/** F - F* at each of those ends, in nats. */
export function sequentialGaps(problem: Problem, schedules: readonly (readonly Stretch[])[]): number[] {
  return sequentialEnds(problem, schedules).map((theta) => gaps(problem, theta).mixture);
}

/** Steps from, ..., to. As step sizes only fall, nothing moves any more after the first step that moves nothing. */
function advance(
  f: Flat,
  theta: Float64Array,
  from: number,
  to: number,
  scale: number,
  radius: number,
): void {
  for (let t = from; t <= to; t++) if (!flatStep(f, theta, scale / Math.sqrt(t), radius)) return;
}
