/** Optima against brute force, and what is known of them. */
import {
  brokenAssumption,
  chebyshev,
  difference,
  distance,
  dot,
  dpoObjective,
  drawInstance,
  exampleInstance,
  gaps,
  LEAST_STEPS,
  minimise,
  minus,
  mixed,
  norm,
  type Point,
  type Problem,
  plus,
  randomProblem,
  sequentialBound,
  sftObjective,
  sigmoid,
  softmax,
  solveInstance,
  theoryExperiment,
} from "@outright/theory";
import { describe, expect, it } from "vitest";

const PROBLEMS: Problem[] = [
  solveInstance(exampleInstance(0.5)),
  ...Array.from({ length: 12 }, (_, seed) => randomProblem(seed, seed % 2 === 0 ? 0.25 : 0.7)),
];

/** The least value of f by ever finer grids: slow, and knows nothing of gradients. */
function bruteForce(f: (theta: Point) => number, radius: number): Point {
  let best: Point = [0, 0];
  for (let size = radius; size > 1e-9; size *= 0.6) {
    const middle = best;
    for (let i = -8; i <= 8; i++) {
      for (let j = -8; j <= 8; j++) {
        const theta = plus(middle, [(i * size) / 8, (j * size) / 8]);
        if (f(theta) < f(best)) best = theta;
      }
    }
  }
  return best;
}

describe("optima", () => {
  it("have a gradient of norm 1e-10 or less", () => {
    for (const { sft, dpo, mixture, optima } of PROBLEMS) {
      expect(norm(sft.gradient(optima.sft.theta))).toBeLessThanOrEqual(1e-10);
      expect(norm(dpo.gradient(optima.dpo.theta))).toBeLessThanOrEqual(1e-10);
      expect(norm(mixture.gradient(optima.mixture.theta))).toBeLessThanOrEqual(1e-10);
    }
  });

  it("are where brute force finds them", () => {
    for (const problem of PROBLEMS.slice(0, 5)) {
      const { radius } = problem.instance;
      for (const name of ["sft", "dpo", "mixture"] as const) {
        const found = bruteForce(problem[name].loss, radius);
        const { theta, loss } = problem.optima[name];
        expect(Math.abs(problem[name].loss(found) - loss)).toBeLessThan(1e-13);
        expect(norm(plus(found, theta, -1))).toBeLessThan(1e-5);
      }
      const worst = (theta: Point): number => gaps(problem, theta).worst;
      const found = bruteForce(worst, radius);
      // a kink is harder to walk along than a bowl: brute force may stay a little above, never below
      expect(worst(found)).toBeGreaterThan(worst(problem.minMax) - 1e-12);
      expect(worst(found)).toBeLessThan(worst(problem.minMax) + 1e-4);
    }
  });

  it("are found from far away too", () => {
    const { sft, optima } = PROBLEMS[1]!;
    expect(norm(plus(minimise(sft, [6, -6]), optima.sft.theta, -1))).toBeLessThan(1e-9);
  });

  it("of one another: the min-max point makes weighted gaps equal and is Pareto-optimal", () => {
    for (const problem of PROBLEMS) {
      const { lambda } = problem.instance;
      const { sft, dpo } = gaps(problem, problem.minMax);
      expect(lambda * dpo).toBeCloseTo((1 - lambda) * sft, 12);
      // opposite gradients: no direction lessens both losses
      const [a, b] = [problem.sft.gradient(problem.minMax), problem.dpo.gradient(problem.minMax)];
      expect((a[0] * b[0] + a[1] * b[1]) / (norm(a) * norm(b))).toBeCloseTo(-1, 9);
    }
  });

  it("differ: mixture and min-max are two meanings of one lambda, and lambda moves both towards DPO", () => {
    const { sft, dpo, optima } = PROBLEMS[0]!;
    const dpoGaps = [0.1, 0.3, 0.5, 0.7, 0.9].map((lambda) => {
      const mixture = minimise(mixed(sft, dpo, lambda), [0, 0]);
      const minMax = chebyshev(sft, dpo, optima, lambda);
      return [dpo.loss(mixture), dpo.loss(minMax)] as const;
    });
    for (const [i, [mixture, minMax]] of dpoGaps.slice(1).entries()) {
      expect(mixture).toBeLessThan(dpoGaps[i]![0]);
      expect(minMax).toBeLessThan(dpoGaps[i]![1]);
    }
  });

  it("are refused where there are none: preferences that nobody contradicts", () => {
    const instance = exampleInstance(0.5);
    const oneSided = { ...instance, pairs: [{ prompt: 1, chosen: 0, rejected: 1, weight: 1 }] };
    expect(() => solveInstance(oneSided)).toThrow(/^theory: Newton's method ended .* no finite minimum/);
  });
});

describe("random instances", () => {
  it("are the same for the same seed, and meet the assumptions", () => {
    expect(randomProblem(5, 0.3).instance).toEqual(randomProblem(5, 0.3).instance);
    expect(randomProblem(5, 0.3).instance).not.toEqual(randomProblem(6, 0.3).instance);
    for (const problem of PROBLEMS.slice(1)) expect(brokenAssumption(problem)).toBeUndefined();
  });

  it("are refused, with the reason, where one is broken", () => {
    const found = new Set<string | undefined>();
    for (let seed = 0; seed < 300; seed++)
      found.add(brokenAssumption(solveInstance(drawInstance(seed, 0.3))));
    expect(found).toContain("sft is too flat");
    expect(found).toContain("dpo is too flat");
    expect(found).toContain(`stage 2 is too slow for a constant from T = ${LEAST_STEPS} on`);
  });

  it("have SFT rows and pairs whose shares sum to 1, every pair both ways", () => {
    for (const { instance } of PROBLEMS) {
      const shares = instance.labels.flat().reduce((sum, share) => sum + share, 0);
      expect(shares).toBeCloseTo(1, 12);
      expect(instance.pairs.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
      for (const { prompt, chosen, rejected } of instance.pairs) {
        expect(
          instance.pairs.some((p) => p.prompt === prompt && p.chosen === rejected && p.rejected === chosen),
        ).toBe(true);
      }
    }
  });

  it("say when lambda leaves none", () => {
    expect(() => randomProblem(1, 1e-6)).toThrow(
      /^theory: none of 2000 random instances of seed 1 meets the assumptions for lambda 0.000001; take lambda nearer to 0.5/,
    );
    expect(() => theoryExperiment(1)).toThrow("lambda 1 is not between 0 and 1");
  });
});

describe("Sequential's constant", () => {
  it("grows with T towards F(theta*) - F* of the last objective's optimum", () => {
    for (const problem of PROBLEMS) {
      const constants = [100, 1000, 10_000, 100_000].map((t) => sequentialBound(problem, "dpo-sft", t));
      for (const [i, { constant, limit }] of constants.entries()) {
        expect(constant).toBeLessThanOrEqual(limit);
        if (i > 0) expect(constant).toBeGreaterThanOrEqual(constants[i - 1]!.constant);
      }
      const { sft, dpo } = { sft: sftObjective(problem.instance), dpo: dpoObjective(problem.instance) };
      const { lambda } = problem.instance;
      const f = (theta: Point): number => lambda * dpo.loss(theta) + (1 - lambda) * sft.loss(theta);
      const gap = f(problem.optima.sft.theta) - f(problem.optima.mixture.theta);
      expect(constants.at(-1)!.limit).toBeCloseTo(gap, 12);
      expect(constants.at(-1)!.constant).toBeGreaterThan(0.9 * gap);
    }
  });

  it("is no constant where both losses agree", () => {
    // labels and preferences of one and the same theta
    const theta: Point = [0.4, -0.3];
    const instance = exampleInstance(0.5);
    const labels = [softmax(theta, instance.features[0]!).probabilities, [0, 0, 0]];
    const pairs = instance.pairs.map((pair) => {
      const margin = instance.beta * dot(minus(theta, instance.reference), difference(instance, pair));
      return { ...pair, weight: sigmoid(margin) / 3 };
    });
    const agreeing = solveInstance({ ...instance, labels, pairs });
    expect(distance(agreeing.optima.sft.theta, agreeing.optima.dpo.theta)).toBeLessThan(1e-9);
    expect(sequentialBound(agreeing, "dpo-sft", 1000).constant).toBeLessThan(1e-12);
    expect(brokenAssumption(agreeing)).toBe("dpo has no quarrel with sft");
  });
});
