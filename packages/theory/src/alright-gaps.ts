/** ALRIGHT's expected gap for many T. */
import { flatDpo, flatLoss, flatSft, flatStep } from "./flat.js";
import type { Problem } from "./problem.js";
import { type Choices, DPO } from "./schedule.js";

/** One run: the policy's choices from the one at `offset` on, for so many steps. */
export interface CoinRun {
  choices: Choices;
  offset: number;
  steps: number;
}

/** Values of the gap that are averaged within one run at most. */
const SAMPLES = 128;

/**
 * Estimates E[F(theta_t) - F*] of the last iterate, which Theorem 4.1 speaks of: the mean over the runs that are long
 * enough and, within each, over t in (T/2, T]. The expectation varies little there (by a factor of sqrt 2 at t^-1/2, the same for
 * every T, so that the slope stays what it is), and the average takes away most of the coin's luck.
 * @param times T, ascending
 * @returns one mean gap for each T, in nats
 */
export function alrightGaps(problem: Problem, runs: readonly CoinRun[], times: readonly number[]): number[] {
  const [sft, dpo] = [flatSft(problem.instance), flatDpo(problem.instance)];
  const { lambda, radius, reference } = problem.instance;
  const { stepScale } = problem;
  const least = problem.optima.mixture.loss;
  const sums = times.map(() => 0);
  const counts = times.map(() => 0);
  for (const { choices, offset, steps } of runs) {
    const theta = Float64Array.from(reference);
    let t = 0;
    for (const [index, time] of times.entries()) {
      if (time > steps) break;
      const every = Math.max(1, Math.floor(time / 2 / SAMPLES));
      const first = Math.floor(time / 2) + 1;
      while (t < time) {
        t++;
        const chosen = (choices[offset + t - 1]! & DPO) === 0 ? sft : dpo;
        flatStep(chosen, theta, stepScale / Math.sqrt(t), radius);
        if (t >= first && (time - t) % every === 0) {
          const [x, y] = [theta[0]!, theta[1]!];
          sums[index]! += lambda * flatLoss(dpo, x, y) + (1 - lambda) * flatLoss(sft, x, y) - least;
          counts[index]! += 1;
        }
      }
    }
  }
  return sums.map((sum, index) => sum / counts[index]!);
}

/** Least-squares slope of log y against log x. */
export function logLogSlope(x: readonly number[], y: readonly number[]): number {
  const [u, v] = [x.map(Math.log), y.map(Math.log)];
  const mean = (list: number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [uMean, vMean] = [mean(u), mean(v)];
  let [above, below] = [0, 0];
  for (const [i, value] of u.entries()) {
    above += (value - uMean) * (v[i]! - vMean);
    below += (value - uMean) ** 2;
  }
  return above / below;
}
