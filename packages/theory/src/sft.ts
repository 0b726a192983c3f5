/** f_SFT(theta) = E[-log pi_theta(y|x)] = E[logsumexp_y' theta . phi_{y',x} - theta . phi_{y,x}]. */
import type { Instance } from "./instance.js";
import type { Objective } from "./objective.js";
import {
  distance,
  dot,
  eigenvalues,
  minus,
  type Point,
  plus,
  plusOuter,
  type Symmetric,
  ZERO,
} from "./plane.js";

export function sftObjective({ features, labels }: Instance): Objective {
  const shares = labels.map((row) => row.reduce((sum, share) => sum + share, 0));
  return {
    loss(theta) {
      let sum = 0;
      for (const [x, answers] of features.entries()) {
        const { logSum } = softmax(theta, answers);
        for (const [y, phi] of answers.entries()) sum += labels[x]![y]! * (logSum - dot(theta, phi));
      }
      return sum;
    },
    gradient(theta) {
      let sum: Point = [0, 0];
      for (const [x, answers] of features.entries()) {
        const { probabilities } = softmax(theta, answers);
        for (const [y, phi] of answers.entries()) {
          sum = plus(sum, phi, shares[x]! * probabilities[y]! - labels[x]![y]!);
        }
      }
      return sum;
    },
    /** The covariance of the features under pi_theta. */
    hessian(theta) {
      let sum: Symmetric = ZERO;
      for (const [x, answers] of features.entries()) {
        const { probabilities } = softmax(theta, answers);
        let mean: Point = [0, 0];
        for (const [y, phi] of answers.entries()) mean = plus(mean, phi, probabilities[y]!);
        for (const [y, phi] of answers.entries()) {
          sum = plusOuter(sum, minus(phi, mean), shares[x]! * probabilities[y]!);
        }
      }
      return sum;
    },
    smoothness: smoothness(features, shares),
    variation: Math.max(...features.map(diameter)),
  };
}

/** pi_theta(.|x) and the logarithm of its denominator, safe against overflow. */
export function softmax(
  theta: Point,
  answers: readonly Point[],
): { probabilities: number[]; logSum: number } {
  const scores = answers.map((phi) => dot(theta, phi));
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return { probabilities: powers.map((power) => power / sum), logSum: largest + Math.log(sum) };
}

/**
 * A covariance is sum over pairs y < y' of pi_y pi_y' d d^T with d = phi_y - phi_y'. It is bounded by pi_y pi_y' <= 1/4, and by
 * Popoviciu's inequality, a quarter of the squared diameter; the smaller counts.
 */
function smoothness(features: Instance["features"], shares: readonly number[]): number {
  let [byPairs, byDiameter] = [ZERO, 0];
  for (const [x, answers] of features.entries()) {
    byDiameter += (shares[x]! * diameter(answers) ** 2) / 4;
    for (const [y, phi] of answers.entries()) {
      for (const other of answers.slice(y + 1))
        byPairs = plusOuter(byPairs, minus(phi, other), shares[x]! / 4);
    }
  }
  return Math.min(eigenvalues(byPairs)[1], byDiameter);
}

function diameter(answers: readonly Point[]): number {
  return Math.max(...answers.flatMap((phi) => answers.map((other) => distance(phi, other))));
}
