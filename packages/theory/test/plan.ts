/** The 200 instances of the theory tests, and the decisions of the real policies that all of them share. */
import {
  type Choices,
  type CoinRun,
  choices,
  counterUniform,
  type Order,
  type Problem,
  randomProblem,
  type Stretch,
  stretches,
  toyPolicy,
} from "@outright/theory";

export const INSTANCES = 200;
/** None is 0.5: there MAXRIGHT's weights could be swapped without notice. */
const LAMBDAS = [0.25, 0.35, 0.65, 0.75] as const;

export const problems = (count = INSTANCES): Problem[] =>
  Array.from({ length: count }, (_, i) => randomProblem(i, LAMBDAS[i % LAMBDAS.length]!));

/** Ten to the half powers from 10^2 to 10^6, even, so that two stages can share them. */
export const TIMES = [100, 316, 1000, 3162, 10_000, 31_622, 100_000, 316_228, 1_000_000];
const LONGEST = TIMES.at(-1)!;

/** Sequential's decisions for each T: half of the steps on each objective. */
export function sequentialSchedules(order: Order, times = TIMES.filter((_, i) => i % 2 === 0)): Stretch[][] {
  return times.map((steps) => {
    const stages = order.split("-").map((objective) => ({ objective, steps: steps / 2 }));
    return stretches(choices(toyPolicy({ name: "sequential", stages }, steps), steps));
  });
}

/** One run over all T, and more over the smaller ones, where the coin's luck counts for more. */
const RUN_STEPS = [LONGEST, 100_000, ...Array(6).fill(10_000), ...Array(24).fill(1000)] as number[];

/**
 * ALRIGHT's coins are asked once for each lambda and are the same for every instance, as they do not depend on losses. Each run begins at
 * another place in them, which is the policy with another generator: u'(t) = u(t + offset).
 */
export class Coins {
  readonly #choices = new Map<number, Choices>();
  readonly #probability: (lambda: number) => number;

  /** @param probability P(DPO) for each lambda; lambda itself for the true coin. */
  constructor(probability = (lambda: number): number => lambda) {
    this.#probability = probability;
  }

  runs(lambda: number, instance: number): CoinRun[] {
    const drawn = this.#choices.get(lambda) ?? coins(this.#probability(lambda));
    this.#choices.set(lambda, drawn);
    const place = counterUniform(instance, "test/place");
    return RUN_STEPS.map((steps, run) => ({
      ...{ choices: drawn, steps },
      offset: Math.floor(place(run) * (drawn.length - steps)),
    }));
  }
}

function coins(lambda: number): Choices {
  const length = 2 * LONGEST;
  return choices(toyPolicy({ name: "alright", lambda }, length, counterUniform(1, "test/coin")), length);
}
