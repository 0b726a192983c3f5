/** Random instances that meet the assumptions: drawn, checked, drawn again. */
import { brokenAssumption } from "./assumptions.js";
import { sigmoid } from "./dpo.js";
import type { Instance, Pair } from "./instance.js";
import { dot, minus, type Point } from "./plane.js";
import { type Problem, solveInstance } from "./problem.js";
import { Draws } from "./random.js";
import { softmax } from "./sft.js";

/** Features lie in the disc of this radius. */
const FEATURES = 1.5;
/** SFT answers and preferences come from parameters this far from the middle, and are blurred by this much noise in their logits. */
const HIDDEN = 1;
const NOISE = 0.5;
const RADIUS = 8;

/**
 * Two or three prompts with two or three answers each. The SFT answers are those of a hidden theta, the preferences those
 * of another (Bradley and Terry's model), both with noise, so that no theta explains either fully. Every pair is preferred both ways
 * with some probability and every answer has a label: the optima are finite.
 */
export function drawInstance(seed: number, lambda: number, attempt = 0): Instance {
  const draws = new Draws(seed, `theory/instance/${attempt}`);
  const features = Array.from({ length: draws.whole(2, 3) }, () =>
    Array.from({ length: draws.whole(2, 3) }, () => disc(draws, FEATURES)),
  );
  const [forSft, forDpo] = [disc(draws, HIDDEN), disc(draws, HIDDEN)];
  const beta = draws.between(0.5, 1);
  const noise = (): number => draws.between(-NOISE, NOISE);
  const labels = features.map((answers) => {
    const noisy = answers.map((phi): Point => [dot(forSft, phi) + noise(), 0]);
    return softmax([1, 0], noisy).probabilities.map((p) => p / features.length);
  });
  const pairs: Pair[] = [];
  for (const [prompt, answers] of features.entries()) {
    for (let a = 0; a < answers.length; a++) {
      for (let b = a + 1; b < answers.length; b++) {
        const preferred = sigmoid(dot(forDpo, minus(answers[a]!, answers[b]!)) + noise());
        pairs.push({ prompt, chosen: a, rejected: b, weight: preferred });
        pairs.push({ prompt, chosen: b, rejected: a, weight: 1 - preferred });
      }
    }
  }
  const total = pairs.reduce((sum, pair) => sum + pair.weight, 0);
  return {
    features,
    labels,
    pairs: pairs.map((pair) => ({ ...pair, weight: pair.weight / total })),
    beta,
    reference: disc(draws, 1),
    lambda,
    radius: RADIUS,
  };
}

/** Draws that are tried for one instance; about one in ten is kept where lambda is between 0.1 and 0.9. */
const TRIES = 2000;

/**
 * The first random instance of this seed that meets every assumption.
 * @throws Error where none of many does: lambda is then so near to 0 or 1 that hardly any instance can.
 */
export function randomProblem(seed: number, lambda: number): Problem {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const problem = solved(drawInstance(seed, lambda, attempt));
    if (problem !== undefined && brokenAssumption(problem) === undefined) return problem;
  }
  throw new Error(
    `theory: none of ${TRIES} random instances of seed ${seed} meets the assumptions for lambda ${lambda}; take lambda nearer to 0.5 or another seed`,
  );
}

/** Nothing where Newton's method finds no optimum: features that nearly lie on a line make the loss flat. */
function solved(instance: Instance): Problem | undefined {
  try {
    return solveInstance(instance);
  } catch {
    return undefined;
  }
}

/** Uniform in the disc of this radius around 0. */
function disc(draws: Draws, radius: number): Point {
  const angle = draws.between(0, 2 * Math.PI);
  const length = radius * Math.sqrt(draws.between(0, 1));
  return [length * Math.cos(angle), length * Math.sin(angle)];
}
