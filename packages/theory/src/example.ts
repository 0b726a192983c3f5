/** The instance that `outright theory` draws: its numbers were chosen so that everything can be seen. */
import type { Instance, Pair } from "./instance.js";

/** Of the preference pairs, P(first answer is preferred to the second). */
const PREFERRED: readonly (readonly [first: number, second: number, probability: number])[] = [
  [0, 1, 0.2],
  [0, 2, 0.12],
  [1, 2, 0.36],
];

/**
 * Two prompts with three answers each: the SFT rows answer the first, the preference pairs are about the second. Features of the first
 * vary more along theta_2, those of the second along theta_1, so that the Pareto-optimal points lie on a bent arc between both optima.
 */
export function exampleInstance(lambda: number): Instance {
  return {
    features: [
      [
        [0.35, 1.05],
        [-1.03, -0.21],
        [0.68, -0.84],
      ],
      [
        [0.94, 0.5],
        [-0.93, 0.51],
        [-0.01, -1.01],
      ],
    ],
    labels: [
      [0.33, 0.15, 0.52],
      [0, 0, 0],
    ],
    pairs: PREFERRED.flatMap(([first, second, probability]): Pair[] => [
      { prompt: 1, chosen: first, rejected: second, weight: probability / PREFERRED.length },
      { prompt: 1, chosen: second, rejected: first, weight: (1 - probability) / PREFERRED.length },
    ]),
    beta: 1,
    reference: [0.61, 1.83],
    lambda,
    radius: 8,
  };
}
